# SPDX-License-Identifier: LGPL-2.1-or-later
"""A site whose gateway runs as it was installed: services of a systemd of its own (machine.py)."""
import os

from gateway import wait_for
from machine import Machine
from site_of_pic32 import Cloud, Site

UNITS = ("gatewayd", "gatewayd-wan", "gatewayd-lan@net")
CONFIG = """[clock]
trust=always
[limits]
retry-first=1s
retry-max=2s
[upstream cloud]
type=http-catalog
url={url}/catalog.json
poll=500ms
[keyring cloud]
file=/etc/gatewayd/cloud.pub
[plugin harmony]
listen=:80
inference-apart=300ms
inference-bytes=600ms
"""
# What a test changes about the units: watchdogs that bite soon.
HASTY = "[Service]\nWatchdogSec=2\n"


class Booted(Site):
    """A site whose gateway is a machine of its own."""

    def __init__(self, build, folder, lan, more=""):  # pylint: disable=super-init-not-called
        self.build, self.folder, self.lan, self.address, self.port, self.nodes = build, folder, lan, "10.77.0.1", 80, {}
        self.cloud = Cloud(folder, lan.prefix)
        self.gateway = Machine(build, folder / "machine", lan)
        self.gateway.write("/etc/gatewayd/gatewayd.conf.d/site.conf", CONFIG.format(url=self.cloud.url))
        self.gateway.write("/etc/gatewayd/gatewayd.conf.d/site2.conf", more)
        self.gateway.write("/etc/gatewayd/cloud.pub", (folder / "cloud.pub").read_text())
        for unit in ("gatewayd", "gatewayd-wan", "gatewayd-lan@"):
            self.gateway.write(f"/etc/systemd/system/{unit}.service.d/hasty.conf", HASTY)

    def start(self):
        self.cloud.publish()
        self.cloud.start()
        self.gateway.boot()
        self.wait_ready()
        self.gateway.ctl("product", "set", "weather", "--plugin=harmony")
        return self

    def wait_ready(self):
        wait_for("the gateway to be well", lambda: self.status("gatewayd").endswith("downloads"), 30)

    def status(self, unit):
        return self.gateway.show(unit, "StatusText")

    def send_slowly(self, name):
        """A node that has begun to download, at a pace that takes long."""
        self.node(name, "--flash-us=20000", prefix=self.lan.node(len(self.nodes) + 1))
        self.adopt(name)
        image = os.urandom(400_000)
        self.cloud.image("slow.bin", data=b"\x00" + image[1:])
        version = self.cloud.sequence + 40
        self.cloud.publish(f"product=weather,version={version},file=slow.bin")
        self.push(self.firmware(version)["id"], name)
        self.wait_update(name, "downloading")
        return (self.cloud.files / "slow.bin").read_bytes()

    def power_cycle(self, name):
        """Nodes of this make stay silent after a download that broke off."""
        self.nodes[name].kill()
        self.nodes[name].wait()
        self.nodes[name].start()

    def stop(self):
        for process in self.nodes.values():
            process.kill()
        self.cloud.stop()
        self.gateway.down()
