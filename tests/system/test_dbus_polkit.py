# SPDX-License-Identifier: LGPL-2.1-or-later
"""K6 with everything real: a bus of type system with our policy, Debian's polkitd with our actions and rules, and users
of the machine. Nothing of the machine is touched: polkitd sees our files through mounts of its own."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
from ctl_fake import ENVIRONMENT, FakeGateway

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/>
<allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
<allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/>
<allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
<allow send_destination="org.freedesktop.DBus"/></policy>
<includedir>/usr/share/dbus-1/system.d</includedir><include>{ours}</include>
<policy user="root"><allow own="org.gatewayd.Gateway1"/></policy></busconfig>
"""
POLKITD = """set -e
mount --bind {folder}/actions /usr/share/polkit-1/actions
mount --bind {folder}/rules.d /usr/share/polkit-1/rules.d
mount --bind {folder}/group /etc/group
exec /usr/lib/polkit-1/polkitd --no-debug"""


class SystemBus:
    def __init__(self, folder, source):
        self.folder, self.source, self.polkitd = folder, source, None
        self.path = folder / "bus"
        self.address = f"unix:path={self.path}"
        config = folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(path=self.path, ours=source / "dbus/org.gatewayd.Gateway1.conf"))
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile",
                                         "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout.readline()

    def has_owner(self, name):
        result = subprocess.run(["dbus-send", f"--bus={self.address}", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                                 "org.freedesktop.DBus.NameHasOwner", f"string:{name}"], capture_output=True, text=True,
                                check=True)
        return "boolean true" in result.stdout

    def start_polkitd(self, operators=""):
        for name, file in (("actions", "org.gatewayd.policy"), ("rules.d", "org.gatewayd.rules")):
            shutil.copytree(f"/usr/share/polkit-1/{name}", self.folder / name, dirs_exist_ok=True)
            shutil.copy(self.source / "dbus" / file, self.folder / name)
            (self.folder / name).chmod(0o755)
        group = pathlib.Path("/etc/group").read_text()
        (self.folder / "group").write_text(f"{group}gateway-operators:x:64999:{operators}\n")
        self.polkitd = subprocess.Popen(["unshare", "-m", "sh", "-c", POLKITD.format(folder=self.folder)],
                                        env={**ENVIRONMENT, "DBUS_SYSTEM_BUS_ADDRESS": self.address},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not self.has_owner("org.freedesktop.PolicyKit1"):
            assert self.polkitd.poll() is None and time.monotonic() < end, "polkitd does not start"
            time.sleep(0.05)

    def stop_polkitd(self):
        if self.polkitd:
            self.polkitd.kill()
            self.polkitd.wait()
            self.polkitd = None

    def stop(self):
        self.stop_polkitd()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(name="fake")
def fixture_fake(build, source):
    if os.geteuid() != 0:
        pytest.fail("needs root: it starts polkitd and speaks as several users", pytrace=False)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        bus = SystemBus(folder, source)
        fake = FakeGateway(build, folder, bus)
        shutil.copy(build / "gatewayd/gatewayctl", folder)
        yield fake
        fake.stop()
        bus.stop()


def ctl(fake, user, *words):
    """gatewayctl as a user of the machine; returns its exit status and what it complained about."""
    result = subprocess.run(["setpriv", f"--reuid={user}", "--regid=65534", "--clear-groups",
                             fake.folder / "gatewayctl", f"--bus={fake.bus.address}", *words],
                            capture_output=True, text=True, env=ENVIRONMENT, timeout=30, stdin=subprocess.DEVNULL, check=False)
    return result.returncode, result.stderr


def test_K6_real_polkit(fake):
    fake.bus.start_polkitd()
    fake.start("polkit")
    for words, action in [("status", "read"), ("nodes", "read"), ("rules stop 3", "operate"), ("reload", "administer")]:
        status, complaint = ctl(fake, 65534, *words.split())
        assert status == 3 and f"polkit does not allow org.gatewayd.{action}" in complaint, complaint
        assert "next: " in complaint
    assert fake.calls() == []
    assert "user uid 65534: StopRule denied: polkit does not allow org.gatewayd.operate" in (fake.folder / "log").read_text()
    for words in ("status", "rules stop 3", "reload"):
        assert ctl(fake, 0, *words.split())[0] == 0
    assert len(fake.calls()) == 3
    fake.bus.stop_polkitd()
    assert ctl(fake, 0, "reload")[0] == 3, "where polkit is absent the answer is no, also for root"
    assert fake.calls() == []


def test_K6_operators_group(fake):
    fake.bus.start_polkitd(operators="nobody")
    fake.start("polkit")
    assert ctl(fake, 65534, "status")[0] == 0
    assert ctl(fake, 65534, "rules", "stop", "3")[0] == 0
    status, complaint = ctl(fake, 65534, "reload")
    assert status == 3 and "administering needs an administrator" in complaint
    assert fake.calls() == ["status ()", "rule-stop (3,)"]


def test_K6_nobody_else_owns_the_name(fake):
    result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "dbus-send",
                             f"--bus={fake.bus.address}", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                             "org.freedesktop.DBus.RequestName", "string:org.gatewayd.Gateway1", "uint32:0"],
                            capture_output=True, text=True, check=False, timeout=30)
    assert "AccessDenied" in result.stderr


# --- every method, by table ----------------------------------------------------------------------------------------

DENIED = "org.gatewayd.Error.Denied"
XML = "dbus/org.gatewayd.Gateway1.xml"


def roles(source):
    """What the interface's own description says that each method needs."""
    notes = re.findall(r"<!--\n\s*(\w+):\n(.*?)-->", (source / XML).read_text(), re.S)
    found = {name: re.search(r"\bRole (\w+)", text)[1] for name, text in notes if "Role " in text}
    assert set(found.values()) == {"read", "operate", "administer"}
    return found


def call_all(fake, source, user, *more):
    """Every method as a user of the machine: what each was answered, and which commands were reached."""
    fake.calls()
    result = subprocess.run(["setpriv", f"--reuid={user}", "--regid=65534", "--clear-groups", "/usr/bin/python3",
                             fake.folder / "call_all.py", fake.bus.address, fake.folder / "gateway1.xml", *more],
                            capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=True)
    return json.loads(result.stdout)


@pytest.fixture(name="table")
def fixture_table(fake, source):
    shutil.copy(source / "tests/system/call_all.py", fake.folder)
    shutil.copy(source / XML, fake.folder / "gateway1.xml")
    return fake


def test_K6_table_of_an_unprivileged_user(table, source):
    table.bus.start_polkitd()
    table.start("polkit")
    answers = call_all(table, source, 65534)
    assert answers == dict.fromkeys(roles(source), DENIED) and table.calls() == []
    log = (table.folder / "log").read_text()
    for method in list(answers)[:10]:  # then the log is limited
        assert f"uid 65534: {method} denied: polkit does not allow" in log


def test_K6_table_of_an_operator(table, source):
    table.bus.start_polkitd(operators="nobody")
    table.start("polkit")
    answers = call_all(table, source, 65534)
    for method, role in roles(source).items():
        assert (answers[method] == DENIED) == (role == "administer"), method
    verbs = {call.split()[0] for call in table.calls()}
    assert verbs and not verbs & {"reload", "product-set"}


def test_K6_table_of_root(table, source):
    table.bus.start_polkitd()
    table.start("polkit")
    assert DENIED not in call_all(table, source, 0).values()
    assert {"reload", "product-set", "import"} <= {call.split()[0] for call in table.calls()}


@pytest.mark.parametrize("user", [0, 65534])
def test_K6_table_without_polkit(table, source, user):
    table.start("polkit")
    assert call_all(table, source, user) == dict.fromkeys(roles(source), DENIED) and table.calls() == []


def test_K6_table_of_callers_that_vanish(table, source):
    """They were allowed, and left while polkit was thinking: nobody can say any more who they were."""
    table.bus.start_polkitd()
    table.start("polkit")
    assert call_all(table, source, 0)["Reload"] == ""
    table.calls()
    table.bus.polkitd.send_signal(signal.SIGSTOP)
    call_all(table, source, 0, "hasty")
    table.bus.polkitd.send_signal(signal.SIGCONT)
    assert ctl(table, 0, "status")[0] == 0, "whoever stays is answered, and after those who left"
    assert [call.split()[0] for call in table.calls()] == ["status"]
    assert "the caller is gone" in (table.folder / "log").read_text()
