# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ufw lets in, read from its own files. Pure.

ufw keeps each rule in ``user.rules`` and ``user6.rules`` as a line
``### tuple ### ACTION PROTOCOL DPORT DESTINATION SPORT SOURCE [APP APP] DIRECTION [comment=HEX]``; the first rule that
matches a packet decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

RULE_FILES = {"ipv4": "/etc/ufw/user.rules", "ipv6": "/etc/ufw/user6.rules"}
CONF_FILE = "/etc/ufw/ufw.conf"
DEFAULTS_FILE = "/etc/default/ufw"

_ANYWHERE = ("0.0.0.0/0", "::/0", "any")
_PREFIX = "### tuple ### "


class Rule(NamedTuple):
    """A rule of ufw for packets that come in. ``port`` as ufw writes it: ``any``, ``22``, ``80,443``, ``6000:6010``."""

    action: str
    protocol: str
    port: str
    destination: str
    source_port: str
    source: str
    direction: str

    def covers(self, protocol: str, port: int) -> bool:
        """Whether it speaks of that port of the host, whoever asks."""
        return (
            self.direction == "in"
            and self.protocol in (protocol, "any")
            and self.destination in _ANYWHERE
            and self.source_port == "any"
            and (self.port == "any" or any(_in_range(port, part) for part in self.port.split(",")))
        )

    @property
    def is_for_everyone(self) -> bool:
        """Whether the source does not matter."""
        return self.source in _ANYWHERE


def _in_range(port: int, part: str) -> bool:
    first, _colon, last = part.partition(":")
    return int(first) <= port <= int(last or first)


def parse(text: str) -> list[Rule]:
    """The rules of one of ufw's files, in its order. Routed rules are none of the host's own."""
    rules = []
    for line in text.splitlines():
        if not line.startswith(_PREFIX):
            continue
        words = [word for word in line[len(_PREFIX) :].split() if not word.startswith("comment=")]
        if len(words) < 7 or words[0].startswith("route:"):
            continue
        # The action may carry the logging wish: allow_log.
        rules.append(Rule(words[0].split("_")[0], words[1], words[2], words[3], words[4], words[5], words[-1]))
    return rules


def verdict(rules: Iterable[Rule], protocol: str, port: int) -> str:
    """What the rules say to a stranger's packet to that port: ``admitted``, ``refused``, ``restricted`` or ``unsaid``.

    ``restricted``: some sources are let in, the rest is left to the default.
    """
    restricted = False
    for rule in rules:
        if not rule.covers(protocol, port):
            continue
        admits = rule.action in ("allow", "limit")
        if rule.is_for_everyone:
            return "admitted" if admits else "restricted" if restricted else "refused"
        restricted = restricted or admits
    return "restricted" if restricted else "unsaid"


def setting(text: str, name: str) -> str:
    """A value of ufw's shell-like configuration files, in lower case; empty if it is not set."""
    value = ""
    for line in text.splitlines():
        key, equals, rest = line.strip().partition("=")
        if equals and key == name:
            value = rest.strip().strip("\"'").lower()
    return value
