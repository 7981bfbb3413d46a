# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ./run shows: one firmware from a cloud to three PIC32 nodes, a program by FTP to a Waspmote, and an image to a node
of each other make, each step said in words."""
import argparse
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SOURCE / "tests" / "system"))
from gateway import PLUGIN_FOLDERS, Gateway, Process, free_port, wait_for  # noqa: E402
from site_of_waspmote import free_range  # noqa: E402

BUILD = pathlib.Path(os.environ.get("GATEWAYD_BUILD", SOURCE / "build"))
MOTE, PROGRAM = "mote-1", "PROG001"
NODES = ["pic32-1", "pic32-2", "pic32-3"]
SIZE = 256 * 1024
# Makes beside these: a word of gateway-nodes with {port} or {line}, the transport, the node's id, and the push.
OTHERS = [
    ("esp8266,port={port},version=1.0.0", "esp-http", "de:ba:7a:82:66:01", "1.0.1"),
    ("openluat,port={port},version=1.0.0", "openluat", "866888020000002", "1.0.1"),
    ("quectel:{line},version=1_0_0", "quectel-at", "quectel-mcu", "2_0_0", "--type=STM32"),
    ("gizwits,port={port}", "gizwits", "gatewaynodes0gizwits04", "04020019", "--hardware=00ESP826", "--type=wifi"),
    ("gizwits-mcu:{line},version=03030006", "gizwits-mcu", "gizwits-mcu", "03030009", "--hardware=03010100", "--type=mcu"),
    ("openluat-at:{line}", "openluat-at", "air720-at", "AirM2M_720_V423_LTE_AT"),
]
# Modules that are provisioned without their vendor's cloud, and one that fetches over the network.
MORE = """[plugin gizwits]
passthrough=no
m2m-host=127.0.0.1
[plugin openluat]
passthrough=no
[plugin openluat-at]
url=http://127.0.0.1:{openluat}/openluat/
poll=1s
"""
CONFIG = """[clock]
trust=always

[upstream sample]
type=http-catalog
url={cloud}/catalog.json
poll=1s
[keyring sample]
file={folder}/cloud/key.pub
[upstream webhook]
type=webhook
url=http://127.0.0.1:{hook_port}/events
secret-file={folder}/webhook.secret
[plugin harmony]
listen=127.0.0.1:{port}
# For the show: a real site keeps the defaults (3 requests, 30 s apart, 5 min).
inference-apart=1s
inference-bytes=3s
[plugin waspmote]
listen=127.0.0.1:{ftp_port}
passive-ports={ftp_ports}
# For the show: a real site keeps the default (30 min).
inference-bytes=2s
"""


def is_on_a_line(words):
    return "{line}" in words


def tell(text):
    print(textwrap.fill(text, 80, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False), flush=True)


class Show:
    def __init__(self, folder):
        self.folder, self.step_number = folder, 0
        self.port, self.cloud_port, self.ftp_port, self.hook_port = (free_port() for _ in range(4))
        self.cloud = f"http://127.0.0.1:{self.cloud_port}"
        self.nodes = {}
        self.gateway = None

    def step(self, text):
        self.step_number += 1
        print()
        tell(f"{self.step_number}. {text}")

    @staticmethod
    def say(text):
        tell(f"   {text}")

    def publish(self, sequence, releases):
        command = ["/usr/bin/python3", SOURCE / "tests/nodes/cloud/sample-cloud.py", "publish", self.folder / "cloud",
                   "--key", self.folder / "cloud.key", "--sequence", str(sequence)]
        for release in releases:
            command += ["--release", release]
        subprocess.run(command, check=True, capture_output=True)

    def start_cloud(self):
        self.step("A sample cloud: static files over HTTP and a signed catalog, nothing more.")
        cloud = self.folder / "cloud"
        cloud.mkdir()
        key = self.folder / "cloud.key"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", cloud / "key.pub"], check=True)
        (cloud / "weather-5.bin").write_bytes(os.urandom(SIZE))
        self.publish(1, [])
        self.cloud_process = Process("cloud", ["/usr/bin/python3", SOURCE / "tests/nodes/cloud/sample-cloud.py", "serve",
                                               cloud, "--port", self.cloud_port, "--log", self.folder / "gets"],
                                     self.folder / "cloud.log")
        self.say(f"{self.cloud}/catalog.json, signed with an Ed25519 key of its own")

    def start_gateway(self):
        self.step("The gateway: core, LAN worker and WAN worker, each a process of its own.")
        (self.folder / "webhook.secret").write_text(os.urandom(16).hex() + "\n")
        self.hook = Process("webhook", ["/usr/bin/python3", SOURCE / "tests/nodes/cloud/webhook.py", "--port",
                                        self.hook_port, "--secret-file", self.folder / "webhook.secret"],
                            self.folder / "webhook.log")
        config = CONFIG.format(cloud=self.cloud, folder=self.folder, port=self.port, ftp_port=self.ftp_port,
                               ftp_ports=free_range(20), hook_port=self.hook_port) + self.config_of_others()
        self.gateway = Gateway(BUILD, self.folder / "gateway", config)
        self.gateway.plugin_folders = [*PLUGIN_FOLDERS, "plugins/transport/waspmote",
                                       *(f"plugins/transport/{plugin}" for _, plugin, *_ in OTHERS)]
        self.gateway.start()
        self.gateway.ctl("product", "set", "weather", "--plugin=harmony")
        self.say(f"nodes reach it at http://127.0.0.1:{self.port}/, you reach it with gatewayctl")

    def start_nodes(self):
        self.step("Three emulated PIC32 nodes ask for their manifest every second. They run version 3.")
        for name in NODES:
            self.nodes[name] = Process(name, [BUILD / "tests/nodes/fake-pic32", f"--name={name}", "--version=3",
                                              f"--url=http://127.0.0.1:{self.port}/n/{name}/ota.json",
                                              "--poll-ms=1000", f"--out={self.folder}/{name}.bin"],
                                       self.folder / f"{name}.log")
        for name in NODES:
            wait_for(f"{name} in the registry", lambda name=name: self.gateway.row("nodes", "id", name))
        self.say("they are strangers: seen and listed, but a stranger gets no firmware")
        self.gateway.ctl("nodes", "adopt", *NODES, "--product=weather", "--location=Sample/Roof")
        self.say("adopted: " + ", ".join(NODES))

    def release(self):
        self.step("The cloud releases version 5.")
        self.publish(2, ["product=weather,version=5,file=weather-5.bin"])
        self.firmware = wait_for("the release in the catalog",
                                 lambda: self.gateway.row("firmware", "version", "5"))["id"]
        self.say(f"the catalog's signature holds; firmware {self.firmware} is listed as unverified: no rule may use it")

    def push_first(self):
        self.step(f"It is pushed to one node, {NODES[0]}: the only way an unverified firmware gets anywhere.")
        self.gateway.ctl("push", "--firmware", self.firmware, NODES[0])
        wait_for("the node to run it", lambda: "running version 5" in self.nodes[NODES[0]].text(), 60)
        self.check_bytes(NODES[0])
        state = self.update_state(NODES[0])
        self.say(f"the node loaded, verified and rebooted. The gateway says: {state}. The bytes went out, no more.")

    def confirm(self):
        self.step("The operator looks at the device, sees version 5 and says so.")
        self.gateway.ctl("firmware", "confirm", self.firmware, f"--node={NODES[0]}", "--version=5")
        self.say("the firmware is verified now: rules may use it")

    def rule(self):
        self.step("A push rule offers it to the others in two groups: one node first; the rest when that one has "
                  "succeeded and was watched for two seconds more.")
        wait_for(f"{NODES[0]} succeeded", lambda: self.update_state(NODES[0]) == "succeeded", 60)
        self.gateway.ctl("rules", "create", "weather-5", f"--firmware={self.firmware}", "--include-unknown",
                         "--group=1,health-wait=2s", "--group=rest")
        self.gateway.ctl("rules", "start", "weather-5", "--yes")
        first = wait_for("the first group to run it", self.first_of_rule, 60)
        self.check_bytes(first)
        self.say(f"{first} is the first group: it loaded it, verified its SHA-256 and rebooted. The rest must wait: "
                 f"{self.groups()}")
        for name in NODES[1:]:
            wait_for(f"{name} to run it", lambda name=name: "running version 5" in self.nodes[name].text(), 60)
            self.check_bytes(name)
        self.say(f"{', '.join(name for name in NODES[1:] if name != first)} followed: {self.groups()}")

    def first_of_rule(self):
        running = [name for name in NODES[1:] if "running version 5" in self.nodes[name].text()]
        assert len(running) < 2, "the second group did not wait"
        return running[0] if running else None

    def groups(self):
        return self.gateway.json("rules", "show", "weather-5")["groups"]

    def check_bytes(self, name):
        got = (self.folder / f"{name}.bin").read_bytes()
        assert got == (self.folder / "cloud" / "weather-5.bin").read_bytes(), f"{name} holds other bytes"

    def update_state(self, name):
        row = self.gateway.row("updates", "node", name)
        return row["state"] if row else "none"

    def infer(self):
        self.step("This make never reports. The gateway waits until each node asked again and again without taking "
                  "the image once more.")
        for name in NODES:
            wait_for(f"{name} succeeded", lambda name=name: self.update_state(name) == "succeeded", 60)
        self.say("succeeded (inferred): " + ", ".join(NODES))

    def count(self):
        gets = [line for line in (self.folder / "gets").read_text().splitlines() if "weather-5.bin" in line]
        digest = hashlib.sha256((self.folder / "cloud" / "weather-5.bin").read_bytes()).hexdigest()
        assert len(gets) == 1, f"the cloud was asked {len(gets)} times for the image"
        self.step(f"The cloud was asked once for the image; three nodes run it. sha256 {digest[:16]}...")

    def update_waspmote(self):
        self.step(f"A Waspmote beside them, {MOTE}, fetches its programs by FTP. It is given a login of its own.")
        self.gateway.ctl("product", "set", "motes", "--plugin=waspmote")
        self.gateway.ctl("nodes", "set", MOTE, "--product=motes", "--location=Sample/Mast")
        password = re.search(r"password: (\S+)", self.gateway.ctl("node", "credential", MOTE).stdout)[1]
        program = self.folder / PROGRAM
        program.write_bytes(os.urandom(30123))
        self.gateway.ctl("push", program, MOTE, "--version=autumn")
        text = self.gateway.ctl("node", "offer", MOTE).stdout
        self.say("pushed; its UPGRADE.TXT says " + " ".join(text.split()))
        self.nodes[MOTE] = Process(MOTE, [BUILD / "tests/nodes/fake-waspmote", "--modem=4g", "--host=127.0.0.1",
                                          f"--port={self.ftp_port}", f"--user={MOTE}", f"--password={password}",
                                          f"--name={MOTE}", f"--program={PROGRAM}", "--version=0", "--polls=100000",
                                          "--poll-ms=1500", f"--out={self.folder}/{MOTE}.bin"],
                                   self.folder / f"{MOTE}.log")
        wait_for("the mote to run it", lambda: f"running {PROGRAM} version 1" in self.nodes[MOTE].text(), 60)
        assert (self.folder / f"{MOTE}.bin").read_bytes() == program.read_bytes(), f"{MOTE} holds other bytes"
        wait_for(f"{MOTE} succeeded", lambda: self.update_state(MOTE) == "succeeded", 60)
        self.say(f"{MOTE} logged in, fetched text and program, stored it and reset: succeeded (inferred)")

    def config_of_others(self):
        self.ports = {plugin: free_port() for _, plugin, *_ in OTHERS}
        text = MORE.format(**self.ports)
        for words, plugin, node, *_ in OTHERS:
            if is_on_a_line(words):
                text += f"[line {node}]\ndevice={self.folder}/line-{plugin}\nplugin={plugin}\nnode={node}\n"
            else:
                text += f"[plugin {plugin}]\nlisten=127.0.0.1:{self.ports[plugin]}\n"
        return text

    def update_others(self):
        self.step(f"{len(OTHERS)} more makes, each with its own protocol, three of them on serial lines. They tell their "
                  "versions, so nothing is inferred: the gateway waits until each was heard with the new one.")
        words = [words.format(port=self.ports[plugin], line=f"{self.folder}/line-{plugin}") for words, plugin, *_ in OTHERS]
        program = BUILD / "tests/nodes/gateway-nodes"
        self.nodes["others"] = Process("others", [program, "--gateway=127.0.0.1", "--sleeps=1", *words],
                                       self.folder / "others.log")
        for words, plugin, node, version, *push in OTHERS:
            wait_for(f"{node} in the registry", lambda node=node: self.gateway.row("nodes", "id", node), 60)
            self.gateway.ctl("product", "set", plugin, f"--plugin={plugin}")
            self.gateway.ctl("nodes", "adopt", node, f"--product={plugin}", "--location=Sample/Shed")
            image = self.folder / f"{plugin}.bin"
            subprocess.run([program, "image", re.split("[:,]", words)[0], version, image, "20000"], check=True,
                           capture_output=True)
            self.gateway.ctl("push", image, node, f"--version={version}", *push)
        for _, plugin, node, version, *_ in OTHERS:
            wait_for(f"{node} succeeded", lambda node=node: self.update_state(node) == "succeeded", 60)
            assert self.gateway.row("nodes", "id", node)["version"] == version
            self.say(f"{plugin}: {node} was heard running {version}")

    def webhook(self):
        wait_for("the webhook to hear of all", lambda: self.hook.text().count(" update.succeeded: ") > len(NODES))
        lines = self.hook.text().splitlines()
        self.step(f"A webhook was told of {len(lines)} events, in signed requests. Of the Waspmote:")
        for line in lines:
            if " update." in line and MOTE in line:
                self.say(line.split(" ", 1)[1])

    def play(self):
        for act in (self.start_cloud, self.start_gateway, self.start_nodes, self.release, self.push_first,
                    self.confirm, self.rule, self.infer, self.count, self.update_waspmote, self.update_others, self.webhook):
            act()

    def epilogue(self):
        ctl = os.path.relpath(BUILD / "gatewayd/gatewayctl")
        print(f"""
All nodes are updated; the gateway stays up until Ctrl-C. Look around from
another terminal, in {os.getcwd()}:
   export GATEWAYD_BUS={self.gateway.bus}
   {ctl} status
   {ctl} nodes list
   {ctl} explain {NODES[0]}
   {ctl} events
   {ctl} --help
Logs and the nodes' own words are in {self.folder}
until then. docs/by-hand.md does the same in commands to type yourself.
""", flush=True)

    def stop(self):
        for process in [*self.nodes.values(), getattr(self, "cloud_process", None), getattr(self, "hook", None)]:
            if process:
                process.kill(signal.SIGTERM)
        if self.gateway:
            self.gateway.stop()


def main():
    parser = argparse.ArgumentParser(prog="./run", description="Shows the gateway at work, then stays up.")
    parser.add_argument("--once", action="store_true", help="stop when all nodes are updated")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    show = Show(pathlib.Path(tempfile.mkdtemp(prefix="gatewayd-run-")))
    try:
        show.play()
        if not options.once:
            show.epilogue()
        while not options.once:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
    except (TimeoutError, AssertionError, RuntimeError) as error:
        print(f"\n./run failed: {error}\nlogs: {show.folder}", file=sys.stderr)
        return 1
    finally:
        show.stop()
    shutil.rmtree(show.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
