# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sockets listen on a host, from the kernel's own tables, and which stand in the Plan's way."""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

TABLES = {
    "/proc/net/tcp": "tcp",
    "/proc/net/tcp6": "tcp",
    "/proc/net/udp": "udp",
    "/proc/net/udp6": "udp",
}
# The kernel's number for a listening TCP socket, and for an unconnected UDP socket.
_WAITING = {"tcp": "0A", "udp": "07"}


class Listening(NamedTuple):
    """A socket that waits for clients; ``inode`` leads to the process that has it."""

    protocol: str
    address: str
    port: int
    inode: int


def parse(text: str, protocol: str) -> list[Listening]:
    """The waiting sockets of one of the kernel's tables."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 10 or words[3] != _WAITING[protocol]:
            continue
        address, _colon, port = words[1].partition(":")
        found.append(Listening(protocol, _address(address), int(port, 16), int(words[9])))
    return found


def _address(text: str) -> str:
    """The kernel writes 32-bit words of the address in the machine's own byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return str(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words)))


def clashes(
    publications: Iterable[Mapping[str, Any]], listening: Iterable[Listening], ours: Iterable[tuple[str, int]]
) -> list[tuple[Mapping[str, Any], Listening]]:
    """Publications of the Plan whose port something else has already. ``ours``: what the stack publishes now."""
    taken = list(listening)
    own = set(ours)
    return [
        (publication, socket)
        for publication in publications
        if (publication["protocol"], publication["host_port"]) not in own
        for socket in taken
        if socket.protocol == publication["protocol"]
        and socket.port == publication["host_port"]
        and _overlaps(str(publication["host_address"]), socket.address)
    ]


def _overlaps(wanted: str, taken: str) -> bool:
    """Whether a socket at ``wanted`` would meet one at ``taken``. A socket at ``::`` may serve IPv4 as well."""
    ours, theirs = ipaddress.ip_address(wanted), ipaddress.ip_address(taken)
    if theirs.version == 6 and theirs.is_unspecified:
        return True
    if ours.version != theirs.version:
        return False
    return ours == theirs or ours.is_unspecified or theirs.is_unspecified


def owner(inode: int) -> str | None:
    """The name and id of the process that has the socket; ``None`` if it cannot be seen."""
    link = f"socket:[{inode}]"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(os.readlink(f"/proc/{pid}/fd/{name}") == link for name in os.listdir(f"/proc/{pid}/fd")):
                with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                    return f"{file.read().strip()} (pid {pid})"
        except OSError:
            # The process ended while we looked, or is not ours to see.
            continue
    return None
