# SPDX-License-Identifier: LGPL-2.1-or-later
"""An FTP server that is as bad as we like: it breaks off at any command or in any file, is full, or stores less than it
says. It looks at its own folder after every command and every piece of a file: is what UPGRADE.TXT names there as a
whole? And vsftpd, which is as good as it gets."""
import pathlib
import re
import socket
import subprocess
import tempfile
import threading

from gateway import free_port, wait_for


def complaint(folder):
    """What a device would trip over that reads the folder at this moment, or ""."""
    text = folder / "UPGRADE.TXT"
    if not text.exists():
        return ""
    fields = dict(re.findall(r"^(FILE|PATH|SIZE|VERSION):(.*)$", text.read_text(), re.M))
    if set(fields) != {"FILE", "PATH", "SIZE", "VERSION"} or not text.read_text().endswith("\n"):
        return f"half an UPGRADE.TXT: {text.read_text()!r}"
    file = folder / fields["FILE"]
    if fields["FILE"] == "NO_FILE" or (file.exists() and file.stat().st_size == int(fields["SIZE"])):
        return ""
    return f"UPGRADE.TXT names {fields['FILE']} with {fields['SIZE']} bytes, which is not there as a whole"


class Cut(Exception):
    pass


class FtpServer:
    def __init__(self, folder, password="secret"):
        self.folder, self.password, self.directory = pathlib.Path(folder), password, ""
        self.folder.mkdir(exist_ok=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.behave()
        self.complaints = []
        threading.Thread(target=self.run, daemon=True).start()

    def behave(self, cut_at=None, cut_data_at=None, room=None, lose=0, replaces=True, is_silent=False):
        """cut_at: the control connection ends instead of an answer to that command. cut_data_at: both end after so many
        bytes of a file. room: so many bytes are stored, then 452. lose: so many bytes of a file vanish. replaces: RNTO
        works over a file. is_silent: it says nothing."""
        self.is_silent = is_silent
        self.cut_at, self.cut_data_at, self.room, self.lose, self.replaces = cut_at, cut_data_at, room, lose, replaces
        self.commands = []

    def run(self):
        while True:
            control, _ = self.listener.accept()
            try:
                self.talk(control)
            except (Cut, OSError):
                pass
            control.close()

    def look(self):
        found = complaint(self.folder)
        if found:
            self.complaints.append(f"{found} after {self.commands[-3:]}")

    def talk(self, control):
        if self.is_silent:
            control.recv(1)
            return
        say = lambda line: control.sendall(line.encode() + b"\r\n")
        state = {"user": "", "from": None, "data": None}
        say("220 ready")
        for line in control.makefile("r", newline="\r\n"):
            verb, _, argument = line.strip().partition(" ")
            self.commands.append(line.strip())
            if self.cut_at is not None and len(self.commands) > self.cut_at:
                raise Cut
            getattr(self, f"on_{verb.lower()}", lambda say, state, argument: say("502 no"))(say, state, argument)
            self.look()
            if verb == "QUIT":
                return

    def on_user(self, say, state, argument):
        state["user"] = argument
        say("331 password")

    def on_pass(self, say, state, argument):
        say("230 in" if (state["user"], argument) == ("ota", self.password) else "530 Login incorrect.")

    def on_pwd(self, say, state, argument):
        say('257 "/"')

    def on_type(self, say, state, argument):
        say("200 yes")

    def on_noop(self, say, state, argument):
        say("200 yes")

    def on_quit(self, say, state, argument):
        say("221 bye")

    def on_epsv(self, say, state, argument):
        state["data"] = socket.create_server(("127.0.0.1", 0))
        say(f"229 Entering Extended Passive Mode (|||{state['data'].getsockname()[1]}|)")

    def on_rest(self, say, state, argument):
        say("350 yes")

    def on_size(self, say, state, argument):
        file = self.folder / argument
        say(f"213 {file.stat().st_size}" if file.exists() else "550 no such file")

    def on_stor(self, say, state, argument):
        say("150 go")
        data, _ = state["data"].accept()
        stored = 0
        with open(self.folder / argument, "wb") as file:
            while piece := data.recv(1000):
                if self.cut_data_at is not None and stored + len(piece) > self.cut_data_at:
                    raise Cut
                if self.room is not None and stored + len(piece) > self.room:
                    data.close()
                    say("452 Insufficient storage space in system.")
                    return
                file.write(piece)
                file.flush()
                stored += len(piece)
                self.look()
            file.truncate(max(0, stored - self.lose))
        data.close()
        state["data"].close()
        say("226 stored")

    def on_retr(self, say, state, argument):
        if not (self.folder / argument).exists():
            say("550 no such file")
            return
        say("150 go")
        data, _ = state["data"].accept()
        data.sendall((self.folder / argument).read_bytes())
        data.close()
        say("226 sent")

    def on_rnfr(self, say, state, argument):
        state["from"] = argument
        say("350 where to" if (self.folder / argument).exists() else "550 no such file")

    def on_rnto(self, say, state, argument):
        if (self.folder / argument).exists() and not self.replaces:
            say("553 exists")
            return
        (self.folder / state["from"]).rename(self.folder / argument)
        say("250 renamed")

    def on_dele(self, say, state, argument):
        file = self.folder / argument
        if file.exists():
            file.unlink()
        say("250 gone")


class Vsftpd:
    """Whoever is anonymous may write; nobody else gets in. On a disk of its own of so many bytes: its user must reach it
    from /."""

    def __init__(self, size="8m"):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="vsftpd-", dir="/tmp"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", self.place], check=True)
        self.place.chmod(0o755)
        self.folder, self.port, self.directory = self.place / "root/motes", free_port(), "motes"
        for name, mode in (("root", 0o755), ("root/motes", 0o777), ("empty", 0o755)):
            (self.place / name).mkdir()
            (self.place / name).chmod(mode)
        config = self.place / "vsftpd.conf"
        config.write_text(f"""listen=YES
listen_address=127.0.0.1
listen_port={self.port}
background=NO
anonymous_enable=YES
local_enable=NO
no_anon_password=NO
anon_root={self.place}/root
allow_writeable_chroot=YES
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
seccomp_sandbox=NO
secure_chroot_dir={self.place}/empty
xferlog_enable=NO
""")
        config.chmod(0o600)
        self.process = subprocess.Popen(["vsftpd", config], stderr=subprocess.DEVNULL)
        wait_for("vsftpd", self.answers)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as one:
                return one.recv(4).startswith(b"220")
        except OSError:
            return False

    def stop(self):
        self.process.kill()
        self.process.wait()
        subprocess.run(["umount", "-l", self.place], check=True)
        self.place.rmdir()
