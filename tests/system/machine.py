# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine with a systemd of its own, made of this one: its root under an overlay, in namespaces, with the gateway
installed as `meson install` would. Boots in about a second; what it writes is gone afterwards. Needs root."""
import ctypes
import os
import pathlib
import signal
import subprocess
import time

import pytest

from gateway import Commands, wait_for

V1_CONTROLLERS = ("cpu", "cpuacct", "memory", "pids", "devices", "freezer", "blkio")
# What this machine starts and mounts at boot is not ours to test.
UNWANTED = ["systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service", "apt-daily.timer",
            "apt-daily-upgrade.timer", "systemd-journal-flush.service"]
MNT_DETACH = 2
BOOT = r"""set -e
root=$1 cgroups=$2 prefix=$3
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755,nosuid tmpfs dev
mkdir dev/pts dev/shm
for name in null zero full random urandom tty; do : > dev/$name; mount --bind /dev/$name dev/$name; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
if [ "$cgroups" = 2 ]; then
  mount -t cgroup2 cgroup2 sys/fs/cgroup
else
  mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
  for name in $prefix; do mkdir sys/fs/cgroup/$name; mount -t cgroup -o $name cgroup sys/fs/cgroup/$name; done
  mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
  export SYSTEMD_PROC_CMDLINE="systemd.unified_cgroup_hierarchy=0 systemd.show_status=0"
fi
pivot_root . .old
umount -l /.old
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin ${SYSTEMD_PROC_CMDLINE:+SYSTEMD_PROC_CMDLINE="$SYSTEMD_PROC_CMDLINE"} /lib/systemd/systemd
"""


def run(*words, is_checked=True, **options):
    result = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=options.pop("timeout", 60),
                            **options, check=False)
    if is_checked and result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result


class Cgroups:
    """A group of our own in every hierarchy of this machine, in which the other systemd finds its root."""

    def __init__(self, name):
        mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        self.v2 = next((words[1] for words in mounts if words[2] == "cgroup2"), None)
        v1 = {option: words[1] for words in mounts if words[2] == "cgroup" for option in words[3].split(",")}
        self.controllers = [name for name in V1_CONTROLLERS if name in v1]
        self.is_v2 = not self.controllers
        roots = [] if self.is_v2 else [v1[name] for name in self.controllers] + [v1.get("name=systemd")]
        if not self.v2 or None in roots:
            pytest.fail("no cgroups are mounted here, so no systemd can be booted", pytrace=False)
        self.folders = list(dict.fromkeys(pathlib.Path(root) / name for root in [*roots, self.v2]))

    def make(self):
        for folder in self.folders:
            folder.mkdir(exist_ok=True)

    def enter(self):
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        for folder in self.folders:
            for path, _, _ in os.walk(folder, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    pass  # its last process is being buried


class Machine(Commands):
    """`lan` is the network it stands in (network.Lan): nodes and clouds are processes of the test beside it."""

    def __init__(self, build, folder, lan):
        if os.geteuid() != 0:
            pytest.fail("needs root: it boots a systemd", pytrace=False)
        self.build, self.folder, self.lan = build, pathlib.Path(folder), lan
        self.root, self.child, self.leader = self.folder / "m", None, None
        self.cgroups = Cgroups(f"gatewayd-test-{os.getpid()}")
        self.make()

    def make(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", "size=2G,mode=755", "tmpfs", self.folder)
        for name in ("u", "w", "m"):
            (self.folder / name).mkdir()
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir=/,upperdir={self.folder}/u,workdir={self.folder}/w", self.root)
        self.clear()
        run("meson", "install", "-C", self.build, "--no-rebuild", "--quiet", "--destdir", self.root)
        run("systemd-sysusers", f"--root={self.root}")
        run("journalctl", "--update-catalog", f"--root={self.root}")
        run("systemctl", f"--root={self.root}", "enable", "gatewayd.service")

    def clear(self):
        for path in [*self.root.glob("etc/systemd/system/*.wants/*"), self.root / "etc/fstab",
                     self.root / "usr/sbin/policy-rc.d", *self.root.glob("var/log/journal/*/*")]:
            path.unlink(missing_ok=True)
        (self.root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        (self.root / "var/log/journal").mkdir(exist_ok=True)
        (self.root / ".old").mkdir()
        for name in UNWANTED:
            path = self.root / "etc/systemd/system" / name
            path.unlink(missing_ok=True)
            path.symlink_to("/dev/null")

    def write(self, path, text, mode=0o644):
        """Before boot() and while it runs."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def boot(self):
        self.cgroups.make()
        with open(self.folder / "console", "ab") as console:
            self.child = subprocess.Popen(
                [*self.lan.prefix, "unshare", "--mount", "--propagation=private", "--pid", "--fork",
                 "--kill-child=SIGKILL", "--ipc", "--uts", "--cgroup", "bash", "-c", BOOT, "boot", self.root,
                 "2" if self.cgroups.is_v2 else "1", " ".join(self.cgroups.controllers)],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
                preexec_fn=self.cgroups.enter)
        self.leader = wait_for("a second systemd", self.find_leader, 20)
        wait_for("its boot to end", self.is_up, 60)
        return self

    def find_leader(self):
        if self.child.poll() is not None:
            pytest.fail(f"this machine cannot boot a systemd in namespaces:\n{(self.folder / 'console').read_text()[-2000:]}",
                        pytrace=False)
        children = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        return next((int(pid) for pid in children
                     if pathlib.Path(f"/proc/{pid}/comm").read_text() == "systemd\n"), None)

    def is_up(self):
        return self.exec("systemctl", "is-system-running", is_checked=False).stdout.strip() in ("running", "degraded")

    def exec(self, *words, **options):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "dumb", "HOME": "/root", "LC_ALL": "C.UTF-8",
                       "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
        return run("nsenter", "-t", self.leader, "-m", "-p", "-i", "-u", "-n", "-C", *words, env=environment, **options)

    def ctl(self, *words, **options):
        return self.exec("gatewayctl", *words, **options)

    def systemctl(self, *words, **options):
        return self.exec("systemctl", *words, **options)

    def show(self, unit, name):
        return self.systemctl("show", "--value", f"--property={name}", unit).stdout.strip()

    def pid(self, unit):
        """As the test sees it, or 0."""
        inner = self.show(unit, "MainPID")
        for line in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                numbers = next(row for row in line.read_text().splitlines() if row.startswith("NSpid:")).split()
                if inner != "0" and numbers[-1] == inner and os.readlink(f"/proc/{numbers[1]}/ns/pid") == \
                        os.readlink(f"/proc/{self.leader}/ns/pid"):
                    return int(numbers[1])
            except (OSError, StopIteration):
                pass  # gone meanwhile, or a thread of the kernel
        return 0

    def kill(self, unit, number=signal.SIGKILL):
        os.kill(self.pid(unit), number)

    def journal(self, *words):
        return self.exec("journalctl", "--no-pager", *words).stdout

    def crash(self):
        """Everything in it dies at once; the disk stays."""
        os.kill(self.leader, signal.SIGKILL)
        self.child.wait(20)

    def down(self):
        if self.child and self.child.poll() is None:
            self.crash()
        libc = ctypes.CDLL(None, use_errno=True)
        for path in (self.root, self.folder):
            libc.umount2(os.fsencode(path), MNT_DETACH)
        for _ in range(50):
            self.cgroups.remove()
            if not any(folder.exists() for folder in self.cgroups.folders):
                break
            time.sleep(0.02)
