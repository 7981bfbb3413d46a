# SPDX-License-Identifier: LGPL-2.1-or-later
"""Speaks to gatewayd-unpack as the core does: one process for each file, its connection as descriptor 3."""
import os
import socket
import subprocess
import time

import gi

gi.require_version("GLib", "2.0")
from gi.repository import GLib  # noqa: E402

HELLO, FINDINGS = 1, 2
LOOK, LIST = 0xFFFFFFFF, 0xFFFFFFFE
MESSAGE_MAX = 192 * 1024
PLUGIN_FOLDERS = ["plugins/format/raw"]


class Result:
    """hello: names of its plugins; format, refusal, members {name: (size, sha256, facts)}; status of its end."""

    def __init__(self):
        self.hello, self.format, self.refusal, self.members, self.status = None, None, None, None, None
        self.seconds, self.cpu_seconds = 0.0, 0.0

    def hear(self, data):
        _, kind, body = GLib.Variant.new_from_bytes(GLib.VariantType("(uuv)"), GLib.Bytes(data), False).unpack()
        if kind == HELLO:
            self.hello = [row["name"] for row in body]
        else:
            self.format, self.refusal, members = body
            self.members = {name: (size, bytes(digest), facts) for name, size, digest, facts in members}


def start(build, folders=None):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    path = ":".join(str(build / name) for name in folders or PLUGIN_FOLDERS)
    program = build / "gatewayd/gatewayd-unpack"
    child = subprocess.Popen(["bash", "-c", 'exec 3<&"$1"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$2" --plugin-path="$3"',
                              "unpack", str(theirs.fileno()), program, path], pass_fds=[theirs.fileno()])
    theirs.close()
    return child, ours


def send(ours, fds, name="", member=LIST, max_size=256 << 20, settings=None):
    job = GLib.Variant("(usuta{sa{ss}})", (1, name, member, max_size, settings or {}))
    socket.send_fds(ours, [job.get_data_as_bytes().get_data()], fds)


def hear_all(child, ours):
    result, begin = Result(), time.monotonic()
    ours.settimeout(90)
    while True:
        data = ours.recv(MESSAGE_MAX)
        if not data:
            break
        result.hear(data)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = result.status = os.waitstatus_to_exitcode(status)
    result.seconds, result.cpu_seconds = time.monotonic() - begin, usage.ru_utime + usage.ru_stime
    ours.close()
    return result


def look(build, path, name=None, folders=None, **options):
    child, ours = start(build, folders)
    fd = os.open(path, os.O_RDONLY)
    send(ours, [fd], name or os.path.basename(path), **options)
    os.close(fd)
    return hear_all(child, ours)


def extract(build, path, member, folders=None, **options):
    """(result, bytes)"""
    child, ours = start(build, folders)
    fd = os.open(path, os.O_RDONLY)
    reader, writer = os.pipe()
    send(ours, [fd, writer], os.path.basename(path), member=member, **options)
    os.close(fd)
    os.close(writer)
    with open(reader, "rb") as pipe:
        data = pipe.read()
    return hear_all(child, ours), data
