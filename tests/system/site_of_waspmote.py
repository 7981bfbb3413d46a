# SPDX-License-Identifier: LGPL-2.1-or-later
"""A site with a sample cloud, a gateway with FTP, and logins of nodes: what tests of the FTP door need."""
import ftplib
import pathlib
import re

from gateway import PLUGIN_FOLDERS, Gateway, free_port, wait_for
from site_of_pic32 import Cloud

IMAGE = "PROG001"
CONFIG = """[clock]
trust=always
[upstream cloud]
type=http-catalog
url={url}/catalog.json
poll=500ms
[keyring cloud]
file={folder}/cloud.pub
[lan]
stranger-connections=200
segment-transfers=64
{lan}
[plugin harmony]
enabled=no
[plugin waspmote]
listen=127.0.0.1:{port}, [::1]:{port}
passive-ports={ports}
{more}
"""


def free_range(n):
    """Ports below those that the kernel gives away by itself, and free a moment ago."""
    first = 20000 + free_port() % 11000
    return f"{first}-{first + n - 1}"


class FtpSite:
    def __init__(self, build, folder, lan="", more=""):
        self.folder = pathlib.Path(folder)
        self.cloud = Cloud(self.folder)
        self.port, self.ports = free_port(), free_range(200)
        self.gateway = Gateway(build, self.folder / "gateway", CONFIG.format(
            url=self.cloud.url, folder=self.folder, port=self.port, ports=self.ports, lan=lan, more=more))
        self.gateway.plugin_folders = [*PLUGIN_FOLDERS, "plugins/transport/waspmote"]
        self.passwords, self.image = {}, b""

    def start(self, size=100_000):
        """With one signed, unverified program in the catalog."""
        self.image = self.cloud.image(IMAGE, size)
        self.cloud.publish(f"product=mote,version=first,file={IMAGE}")
        self.cloud.start()
        self.gateway.start()
        wait_for("the transport", lambda: self.gateway.row("plugins", "name", "waspmote"))
        self.gateway.ctl("product", "set", "mote", "--plugin=waspmote")
        self.firmware = wait_for("the firmware", lambda: self.gateway.row("firmware", "version", "first"))["id"]
        wait_for("port of FTP", self.answers)
        return self

    def answers(self):
        try:
            self.connect().close()
            return True
        except OSError:
            return False

    def prove(self, *options):
        """One node loads the program and is seen to run it; from then on a rule offers it to all."""
        self.add_login("trial")
        self.gateway.ctl("push", "--firmware", self.firmware, "trial")
        self.wait_offer("trial")
        with self.login("trial") as ftp:
            ftp.retrbinary(f"RETR {IMAGE}", lambda part: None)
        wait_for("the download to be known", lambda: self.update("trial")["state"] == "downloaded")
        self.gateway.ctl("firmware", "confirm", self.firmware, "--node=trial", "--version=first")
        self.gateway.ctl("rules", "create", "all", f"--firmware={self.firmware}", "--include-unknown",
                         *options)
        self.gateway.ctl("rules", "start", "all", "--yes")
        return self

    def add_login(self, node):
        self.gateway.ctl("nodes", "set", node, "--product=mote")
        self.gateway.ctl("nodes", "adopt", node, "--product=mote")
        text = self.gateway.ctl("nodes", "credential", node).stdout
        self.passwords[node] = re.search(r"password: (\S+)", text)[1]

    def wait_offer(self, node):
        """UPGRADE.TXT, once the program stands in it."""
        def offered():
            text = self.fetch_text(node)
            return text if f"FILE:{IMAGE}\n" in text else None
        return wait_for(f"an offer to {node}", offered)

    def add(self, node):
        """A node for which the program is due; returns its UPGRADE.TXT."""
        self.add_login(node)
        return self.wait_offer(node)

    def connect(self, host="127.0.0.1", source="127.0.0.1"):
        ftp = ftplib.FTP()
        ftp.connect(host, self.port, timeout=30, source_address=(source, 0) if ":" not in host else None)
        return ftp

    def login(self, node, **options):
        ftp = self.connect(**options)
        ftp.login(node, self.passwords[node])
        return ftp

    def fetch_text(self, node):
        parts = []
        with self.login(node) as ftp:
            ftp.retrbinary("RETR UPGRADE.TXT", parts.append)
        return b"".join(parts).decode()

    def update(self, node):
        return self.gateway.row("updates", "node", node)

    def stop(self):
        self.cloud.stop()
        self.gateway.stop()
