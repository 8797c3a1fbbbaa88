# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LXD: the daemon, its storage, its network and the devices of its default profile."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from .. import _leftovers as leftovers
from .. import _paths
from .._daemon import Daemon
from .._lxd import LXC_ENVIRONMENT, delete_guest, get, guests, lxc
from .._part import Part
from .._process import LabError, Log, output

_DEVICES = {
    "root": {"type": "disk", "path": "/", "pool": _paths.POOL},
    "eth0": {"type": "nic", "name": "eth0", "network": _paths.BRIDGE},
}
# On the network itself: the LXD may be somebody's own, and so may be a network of this name.
_MARK = "user.torrust-lab"
_NETWORK = {
    "ipv4.address": _paths.IPV4,
    "ipv4.nat": "true",
    "ipv6.address": _paths.IPV6,
    "ipv6.nat": "true",
    _MARK: "made",
}


class Lxd(Part):
    """LXD, ready for guests."""

    name = "lxd"
    needs = ("packages",)
    takes = "10 s"

    def is_up(self) -> bool:
        """Tell whether LXD answers and has what the guests need."""
        if get("") is None:
            return False
        network = get(f"networks/{_paths.BRIDGE}") or {}
        profile = get("profiles/default") or {}
        return (
            get(f"storage-pools/{_paths.POOL}") is not None
            and network.get("status") == "Created"
            and network.get("config", {}).get("ipv4.address") == _paths.IPV4
            and _DEVICES.keys() <= profile.get("devices", {}).keys()
        )

    def build(self, log: Log) -> None:
        """Start the daemon unless one answers, and add what is missing."""
        if get("") is None:
            command: list[str | Path] = ["lxd", "--group", "root", "--logfile", _paths.LOGS / "lxd-daemon.log"]
            Daemon("lxd").start(command, self._answers, log, LXC_ENVIRONMENT)
        if get(f"storage-pools/{_paths.POOL}") is None:
            lxc("storage", "create", _paths.POOL, "dir")
        network = get(f"networks/{_paths.BRIDGE}")
        if network is None:
            lxc("network", "create", _paths.BRIDGE, *(f"{key}={value}" for key, value in _NETWORK.items()))
        elif network["config"].get("ipv4.address") != _paths.IPV4:
            raise LabError(f"LXD has a network {_paths.BRIDGE} that is not the lab's: its address is not {_paths.IPV4}")
        devices = get("profiles/default")["devices"]
        for name, device in _DEVICES.items():
            if name not in devices:
                settings = [f"{key}={value}" for key, value in device.items() if key != "type"]
                lxc("profile", "device", "add", "default", name, device["type"], *settings)
        for rule in self._missing_rules():
            output([rule[0], "-I", *rule[1:]])

    @staticmethod
    def _answers() -> bool:
        return get("") is not None

    @staticmethod
    def _rules() -> list[list[str]]:
        """Return the rules that let guests through a Docker that does not belong to the lab (its own sets none)."""
        comment = ["-m", "comment", "--comment", "torrust-lab"]
        return [
            [tool, "DOCKER-USER", direction, _paths.BRIDGE, *comment, "-j", "ACCEPT"]
            for tool in ("iptables", "ip6tables")
            if shutil.which(tool)
            and subprocess.run([tool, "-S", "DOCKER-USER"], capture_output=True, check=False).returncode == 0
            for direction in ("-i", "-o")
        ]

    @classmethod
    def _missing_rules(cls) -> list[list[str]]:
        def is_set(rule: list[str]) -> bool:
            return subprocess.run([rule[0], "-C", *rule[1:]], capture_output=True, check=False).returncode == 0

        return [rule for rule in cls._rules() if not is_set(rule)]

    def down(self, log: Log) -> None:
        """Delete the guests and the network, end the daemon if it is the lab's, sweep up what it left."""
        daemon = Daemon("lxd")
        network = get(f"networks/{_paths.BRIDGE}")
        ours = _MARK in network["config"] if network else daemon.was_started()
        for guest in guests():
            delete_guest(guest)
        if network and ours:
            self._delete_users(network)
            self._delete_network(log)
        for rule in self._rules():
            if rule not in self._missing_rules():
                output([rule[0], "-D", *rule[1:]])
        if daemon.was_started():
            daemon.stop(signal.SIGPWR)
            self._unmount(log)
        if ours:
            leftovers.sweep_bridge(_paths.BRIDGE, log)

    @staticmethod
    def _delete_network(log: Log) -> None:
        """Let LXD take its network apart. LXD 5.0 fails at a chain that it has not emptied; once swept, it can."""
        try:
            lxc("network", "delete", _paths.BRIDGE)
        except LabError as error:
            log.write(str(error))
            leftovers.sweep_bridge(_paths.BRIDGE, log)
            if get(f"networks/{_paths.BRIDGE}") is not None:
                lxc("network", "delete", _paths.BRIDGE)

    @staticmethod
    def _delete_users(network: dict[str, Any]) -> None:
        """Take the network away from all that uses it: guests and profiles of deployments, the default profile."""
        users = [path.partition("?")[0].split("/")[2:] for path in network["used_by"]]
        for kind, name in sorted((user[0], user[1]) for user in users):  # instances before profiles
            if kind == "instances":
                delete_guest(name, anywhere=True)
            elif name == "default":
                lxc("profile", "device", "remove", name, "eth0")
            else:
                lxc("profile", "delete", name)

    @staticmethod
    def _unmount(log: Log) -> None:
        """Unmount what the daemon leaves mounted, innermost first."""
        with open("/proc/self/mounts") as stream:
            points = [line.split()[1] for line in stream]
        for point in reversed([p for p in points if p.startswith(f"{_paths.LXD_SOCKET.parent}/")]):
            log.run(["umount", point])

    def detail(self) -> str:
        """Return version and addresses."""
        server = get("")
        version = server["environment"]["server_version"] if server else "not running"
        return f"LXD {version}, {_paths.BRIDGE} {_paths.IPV4} {_paths.IPV6}"
