# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ext4 on a disk of ours, whose power can be cut: what the kernel had not written yet is not in the copy. nbdkit keeps
the bytes, nbdfuse shows them as a file, a loop device makes a disk of it. Needs root."""
import signal
import subprocess

from gateway import Process, wait_for


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout.strip()


class Mount:
    """The ext4 in `file`, to be seen in a new folder."""

    def __init__(self, file, folder):
        self.folder = folder
        folder.mkdir()
        self.device = run("losetup", "-f", "--show", file)
        try:
            run("mount", "-o", "noatime", self.device, folder)
        except subprocess.CalledProcessError:
            run("losetup", "-d", self.device)
            raise

    def close(self):
        run("umount", self.folder)
        run("losetup", "-d", self.device)


class Disk:
    def __init__(self, folder, size_mib=96):
        self.folder, self.image, self.n_cuts = folder, folder / "disk.img", 0
        socket, fuse = folder / "nbd.sock", folder / "fuse"
        fuse.mkdir(parents=True)
        with open(self.image, "wb") as file:
            file.truncate(size_mib << 20)
        self.processes = [Process("nbdkit", ["nbdkit", "-f", "-U", socket, "file", self.image], folder / "nbdkit.log")]
        wait_for("nbdkit", socket.exists)
        self.processes.append(Process("nbdfuse", ["nbdfuse", fuse / "disk", "--unix", socket], folder / "nbdfuse.log"))
        wait_for("the disk", lambda: (fuse / "disk").exists())
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", fuse / "disk")
        self.mount = Mount(fuse / "disk", folder / "mnt")

    @property
    def path(self):
        return self.mount.folder

    def cut(self):
        """What the disk holds now, after the repair that each boot makes, mounted. Close it."""
        self.n_cuts += 1
        copy = self.folder / f"cut-{self.n_cuts}.img"
        self.processes[0].kill(signal.SIGSTOP)
        try:
            run("cp", "--sparse=always", self.image, copy)
        finally:
            self.processes[0].kill(signal.SIGCONT)
        done = subprocess.run(["e2fsck", "-fy", copy], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return Mount(copy, self.folder / f"cut-{self.n_cuts}")

    def close(self):
        self.mount.close()
        for process in reversed(self.processes):  # nbdfuse takes its file away itself
            process.stop()
