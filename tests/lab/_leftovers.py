# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What LXD may leave of a network that it deletes, or whose daemon was killed: rules, a chain, dnsmasq, the bridge."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

from ._daemon import started_at, wait_until
from ._process import Log, output

_TOOLS = ("iptables", "ip6tables")
_TABLES = ("filter", "nat", "mangle", "raw")


def rules_of(bridge: str, listing: str) -> Iterator[list[str]]:
    """Yield the arguments that delete a bridge's rules and chain from a table, given the table as ``-S`` lists it."""
    chains = []
    for line in listing.splitlines():
        words = shlex.split(line)
        if words[0] == "-A" and f"generated for LXD network {bridge}" in words:
            yield ["-D", *words[1:]]
        elif words[:2] == ["-N", f"lxd_nic_{bridge}"]:
            chains.append(words[1])
    for chain in chains:
        yield ["-F", chain]
        yield ["-X", chain]


def _dnsmasq_of(bridge: str) -> list[int]:
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            words = (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == "dnsmasq" and f"--interface={bridge}" in words:
            found.append(int(directory.name))
    return found


def _ended(pid: int) -> bool:
    return started_at(pid) is None


def sweep_bridge(bridge: str, log: Log) -> None:
    """Remove whatever is left of a bridge that LXD made; nothing to do is fine.

    :raises LabError: when something cannot be removed.
    """
    for pid in _dnsmasq_of(bridge):
        log.write(f"ending dnsmasq {pid}, which LXD left")
        os.kill(pid, signal.SIGTERM)
        wait_until(f"dnsmasq {pid} does not end", 10, functools.partial(_ended, pid))
    for tool in filter(shutil.which, _TOOLS):
        for table in _TABLES:
            for rule in rules_of(bridge, output([tool, "-t", table, "-S"])):
                output([tool, "-t", table, *rule])
    if Path("/sys/class/net", bridge).exists():
        log.run(["ip", "link", "delete", bridge])
