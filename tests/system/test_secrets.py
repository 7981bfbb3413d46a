# SPDX-License-Identifier: LGPL-2.1-or-later
"""A secret is planted wherever one can be; then everything that the gateway writes or says is searched. Promise P3."""
import os
import re
import subprocess
import sys

import pytest

from booted import Booted
from gateway import Process, free_port, wait_for
from network import Lan

TOKEN, PASSWORD, IN_URL = "canary-token-7h3k", "canary-password-q2x9", "canary-url-m4v8"
CONFIG = """
[upstream bearer]
type=http-catalog
url=http://127.0.0.1:{port}/bearer.json
token-file=cloud_token
poll=200ms
[upstream basic]
type=http-catalog
url=http://127.0.0.1:{port}/basic.json
user=site-7
password-file=cloud_password
poll=200ms
[upstream careless]
type=http-catalog
url=http://user:{in_url}@127.0.0.1:{port}/careless.json?key={in_url}
poll=200ms
[lan]
tls-certificate=/etc/gatewayd/gateway.pem
[plugin harmony]
listen=:80,tls::8443
"""
# A cloud that notes what it was shown, and lets nobody in.
NOSY = """
import base64, http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        shown = self.headers.get("Authorization", "")
        if shown.startswith("Basic "):
            shown = base64.b64decode(shown[6:]).decode()
        with open(sys.argv[2], "a") as file:
            file.write(f"{self.path} {shown}\\n")
        self.send_error(403, f"not with {shown}")
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
KINDS = ("firmware", "nodes", "rules", "updates", "upstreams", "plugins", "product", "cache")


class Secretive(Booted):
    def __init__(self, build, folder, lan):
        port = free_port()
        super().__init__(build, folder, lan, CONFIG.format(port=port, in_url=IN_URL))
        self.shown = folder / "shown"
        self.nosy = Process("nosy", [sys.executable, "-c", NOSY, port, self.shown], folder / "nosy.log", prefix=lan.prefix)
        self.gateway.write("/etc/gatewayd/credentials/token", TOKEN + "\n", 0o600)
        self.gateway.write("/etc/gatewayd/credentials/password", PASSWORD + "\n", 0o600)
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=gateway", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        self.gateway.write("/etc/credstore/gatewayd.tls-key", key.read_text(), 0o600)
        self.gateway.write("/etc/gatewayd/gateway.pem", certificate.read_text())
        self.canaries = [TOKEN, PASSWORD, IN_URL, *re.findall(r"^[\w+/=]{40,}$", key.read_text(), re.M)]

    def wait_ready(self):
        wait_for("the core", lambda: self.gateway.ctl("status", is_checked=False).returncode == 0, 30)

    def stop(self):
        self.nosy.kill()
        super().stop()


@pytest.fixture(name="site", scope="module")
def fixture_site(build, tmp_path_factory):
    lan = Lan(f"gws{os.getpid()}")
    site = Secretive(build, tmp_path_factory.mktemp("secretive"), lan)
    try:
        yield site.start()
    finally:
        site.stop()
        lan.close()


def use_all(site):
    """Each secret is used, and each path on which it could be complained about is gone."""
    wait_for("both logins", lambda: site.shown.exists() and TOKEN in site.shown.read_text()
             and PASSWORD in site.shown.read_text())
    node = site.lan.node(1)
    wait_for("TLS", lambda: subprocess.run([*node, "curl", "-sk", "https://10.77.0.1:8443/n/a/ota.json"],
                                           check=False, capture_output=True).returncode == 0)
    site.gateway.ctl("nodes", "set", "mote", "--product=weather")
    site.canaries.append(re.search(r"password: (\S+)", site.gateway.ctl("nodes", "credential", "mote").stdout)[1])
    site.gateway.write("/etc/gatewayd/gatewayd.conf.d/z.conf", f"[upstream basic]\npassword={PASSWORD}\n")
    site.gateway.systemctl("reload", "gatewayd", is_checked=False)
    (site.gateway.root / "etc/gatewayd/gatewayd.conf.d/z.conf").unlink()
    for unit in ("gatewayd-wan", "gatewayd-lan@net", "gatewayd"):
        site.gateway.kill(unit)
    site.wait_ready()


def everything_said(site):
    """Name of the place, and all of its text."""
    yield "journal", site.gateway.journal("--all", "-o", "export")
    yield "status", site.gateway.systemctl("status", "gatewayd*", is_checked=False).stdout
    yield "properties", site.gateway.systemctl("show", "gatewayd", "gatewayd-wan", "gatewayd-lan@net").stdout
    for kind in KINDS:
        listed = site.gateway.ctl("--json", kind, "list").stdout
        yield f"list of {kind}", listed
        for name in re.findall(r'"(?:name|id)": ?"?([\w.:-]+)', listed):
            yield f"{kind} {name}", site.gateway.ctl(kind, "show", name, is_checked=False).stdout
    yield "events", site.gateway.ctl("--json", "events").stdout
    yield "D-Bus status", site.gateway.ctl("--json", "status").stdout
    for path in (site.gateway.root / "var/lib/gatewayd").rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes().decode("latin-1")


def test_P3_no_secret_is_ever_said(site):
    use_all(site)
    for place, text in everything_said(site):
        assert text, f"nothing was said in {place}"
        for canary in site.canaries:
            assert canary not in text, f"{place} holds {canary}"


def test_P3_a_secret_that_is_said_is_found(site):
    site.gateway.ctl("nodes", "set", "mote", f"--location={TOKEN}")
    assert sum(TOKEN in text for _, text in everything_said(site)) >= 3


def test_P3_only_its_worker_is_given_a_secret(site):
    for unit, name in (("gatewayd-wan", "cloud_token"), ("gatewayd-lan@net", "tls-key")):
        folder = site.gateway.root / "run"  # the overlay's; the machine's own is seen through its leader
        assert not (folder / "credentials").exists()
        shown = site.gateway.exec("find", "/run/credentials", "-name", name).stdout.split()
        assert shown == [f"/run/credentials/{unit}.service/{name}"]
