# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LXD: the daemon, its storage, its network and the devices of its default profile."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess

from .. import _paths
from .._daemon import Daemon
from .._lxd import delete_guest, get, guests, lxc
from .._part import Part
from .._process import LabError, Log, output

_DEVICES = {
    "root": {"type": "disk", "path": "/", "pool": _paths.POOL},
    "eth0": {"type": "nic", "name": "eth0", "network": _paths.BRIDGE},
}
_NETWORK = {"ipv4.address": _paths.IPV4, "ipv4.nat": "true", "ipv6.address": _paths.IPV6, "ipv6.nat": "true"}
# What the lab itself made in an LXD that may be somebody's own. Kept with LXD's data, not with the running daemons.
_MADE = _paths.CACHE / "lxd-made.json"


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
            log_file = _paths.LOGS / "lxd-daemon.log"
            Daemon("lxd").start(
                ["lxd", "--group", "root", "--logfile", log_file], lambda: get("") is not None, log, {"LXD_DIR": str(_paths.LXD_SOCKET.parent)}
            )
        made = self._made()
        if get(f"storage-pools/{_paths.POOL}") is None:
            lxc("storage", "create", _paths.POOL, "dir")
        network = get(f"networks/{_paths.BRIDGE}")
        if network is None:
            lxc("network", "create", _paths.BRIDGE, *(f"{key}={value}" for key, value in _NETWORK.items()))
            made.add("network")
        elif network["config"].get("ipv4.address") != _paths.IPV4:
            raise LabError(f"LXD has a network {_paths.BRIDGE} that is not the lab's: its address is not {_paths.IPV4}")
        devices = get("profiles/default")["devices"]
        for name, device in _DEVICES.items():
            if name not in devices:
                settings = [f"{key}={value}" for key, value in device.items() if key != "type"]
                lxc("profile", "device", "add", "default", name, device["type"], *settings)
                made.add(name)
        self._remember(made)
        for rule in self._missing_rules():
            output([rule[0], "-I", *rule[1:]])

    @staticmethod
    def _made() -> set[str]:
        return set(json.loads(_MADE.read_text())) if _MADE.exists() else set()

    @staticmethod
    def _remember(made: set[str]) -> None:
        aside = _MADE.with_suffix(".aside")
        aside.write_text(json.dumps(sorted(made)))
        aside.replace(_MADE)

    @staticmethod
    def _rules() -> list[list[str]]:
        """Return the rules that let guests through a Docker that does not belong to the lab (its own sets none)."""
        comment = ["-m", "comment", "--comment", "torrust-lab"]
        return [
            [tool, "DOCKER-USER", direction, _paths.BRIDGE, *comment, "-j", "ACCEPT"]
            for tool in ("iptables", "ip6tables")
            if subprocess.run([tool, "-S", "DOCKER-USER"], capture_output=True, check=False).returncode == 0
            for direction in ("-i", "-o")
        ]

    def _missing_rules(self) -> list[list[str]]:
        return [r for r in self._rules() if subprocess.run([r[0], "-C", *r[1:]], capture_output=True, check=False).returncode != 0]

    def down(self, log: Log) -> None:
        """Delete the guests, let LXD itself take its network apart, end the daemon if it is the lab's."""
        if get("") is not None:
            for guest in guests():
                delete_guest(guest)
            made = self._made()
            for device in made & _DEVICES.keys():
                if device == "eth0":  # the storage stays, and so does its device
                    lxc("profile", "device", "remove", "default", device)
                    made.discard(device)
            if "network" in made:
                # By LXD, which knows its bridge, its dnsmasq and its rules in each table.
                lxc("network", "delete", _paths.BRIDGE)
                made.discard("network")
            self._remember(made)
        if shutil.which("iptables"):
            for rule in self._rules():
                if rule not in self._missing_rules():
                    output([rule[0], "-D", *rule[1:]])
        daemon = Daemon("lxd")
        if daemon.pid() is not None:
            daemon.stop(signal.SIGPWR)
            self._unmount(log)

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
        return f"LXD {server['environment']['server_version']}, {_paths.BRIDGE} {_paths.IPV4} {_paths.IPV6}" if server else "not running"
