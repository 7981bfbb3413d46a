# SPDX-License-Identifier: LGPL-2.1-or-later
"""A LAN of network namespaces: one for the gateway with a bridge, one for each node with its own address and MAC.
Needs root; says so loudly otherwise."""
import os
import subprocess

import pytest


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True)


class Lan:
    """`prefix` runs a program beside the gateway at 10.77.0.1, node(n) gives the prefix of node n at 10.77.0.1n."""

    def __init__(self, name):
        if os.getuid() != 0:
            pytest.fail("network namespaces need root", pytrace=False)
        self.name, self.made = name, []
        self.gateway = self.add("gw")
        ip("-n", self.gateway, "link", "add", "br0", "type", "bridge")
        ip("-n", self.gateway, "addr", "add", "10.77.0.1/24", "dev", "br0")
        ip("-n", self.gateway, "link", "set", "br0", "up")

    def add(self, short):
        full = f"{self.name}-{short}"
        ip("netns", "add", full)
        self.made.append(full)
        ip("-n", full, "link", "set", "lo", "up")
        return full

    @property
    def prefix(self):
        return ("ip", "netns", "exec", self.gateway)

    @staticmethod
    def mac(number):
        return f"02:00:00:00:00:{number:02x}"

    @staticmethod
    def address(number):
        return f"10.77.0.{10 + number}"

    def node(self, number):
        space = self.add(f"n{number}")
        ip("-n", space, "link", "add", "eth0", "address", self.mac(number), "type", "veth", "peer", "name",
           f"p{number}", "netns", self.gateway)
        ip("-n", self.gateway, "link", "set", f"p{number}", "master", "br0", "up")
        ip("-n", space, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        return ("ip", "netns", "exec", space)

    def unplug(self, number):
        ip("-n", self.gateway, "link", "set", f"p{number}", "down")

    def plug(self, number):
        ip("-n", self.gateway, "link", "set", f"p{number}", "up")

    def close(self):
        for space in self.made:
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)
