# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The firewall for ports that Docker publishes: our chain behind DOCKER-USER. Pure.

ufw does not see what Docker forwards into containers, so the chain ``TORRUST`` decides on it: packets that leave into
the bridge of the stack pass if they belong to a connection that was let in, or came for a published port of the Plan;
the rest is dropped. It answers RETURN, not ACCEPT, so that rules of others in DOCKER-USER still have their say, and it
sees no packet of any other bridge.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CHAIN = "TORRUST"
PARENT = "DOCKER-USER"
DIRECTORY = "/etc/torrust-firewall"
SCRIPT = f"{DIRECTORY}/apply"
UNIT = "torrust-firewall.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
FAMILIES = ("ipv4", "ipv6")

_PROTOCOL_NUMBERS = {"tcp": "6", "udp": "17"}
_HEADER = "# Written by torrust.deployer from the environment's listeners; changes are overwritten.\n"


def rules_file(family: str) -> str:
    """Where the rules of a family lie on the host."""
    return f"{DIRECTORY}/rules.{family}"


def save_command(family: str) -> str:
    """The command that prints the live rules of a family."""
    return "iptables-save" if family == "ipv4" else "ip6tables-save"


def command(family: str) -> str:
    """The command that changes the rules of a family."""
    return "iptables" if family == "ipv4" else "ip6tables"


def hook(bridge: str) -> str:
    """The rule of DOCKER-USER that leads into our chain, as iptables prints it."""
    return f"-A {PARENT} ! -i {bridge} -o {bridge} -j {CHAIN}"


def chain(rules: Iterable[Mapping[str, Any]], family: str) -> list[str]:
    """The rules of our chain for one family. ``rules``: those of the Plan; only the ``forward`` ones count here.

    The port is that of the packet's first destination, before Docker rewrote it: two listeners may share a port inside
    their containers, and ``DNAT`` keeps out who addresses a container directly.
    """
    lines = [f"-A {CHAIN} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"]
    for rule in rules:
        if rule["chain"] != "forward" or rule["family"] != family:
            continue
        destination = f" --ctorigdst {rule['destination']}" if rule.get("destination") else ""
        lines.append(
            f"-A {CHAIN} -m conntrack --ctstate DNAT --ctproto {_PROTOCOL_NUMBERS[rule['protocol']]}{destination}"
            f" --ctorigdstport {int(rule['port'])} -m comment --comment {_comment(rule['purpose'])} -j RETURN"
        )
    lines.append(f"-A {CHAIN} -j DROP")
    return lines


def _comment(text: str) -> str:
    """A comment that iptables-restore reads back as one word; it takes at most 255 characters."""
    return '"' + "".join(c if c.isalnum() or c in "._-[] " else "_" for c in text)[:200] + '"'


def files(rules: Sequence[Mapping[str, Any]], bridge: str) -> dict[str, tuple[str, int]]:
    """Every file of ours: path to text and mode."""
    wanted = {SCRIPT: (_script(bridge), 0o755), UNIT_FILE: (_UNIT_TEXT, 0o644)}
    for family in FAMILIES:
        lines = [f":{CHAIN} - [0:0]", *chain(rules, family)]
        wanted[rules_file(family)] = (_HEADER + "\n".join(lines) + "\n", 0o644)
    return wanted


def is_live(saved: str, rules: Iterable[Mapping[str, Any]], family: str, bridge: str) -> bool:
    """Whether the live rules (as ``iptables-save`` prints the filter table) hold our chain and lead into it.

    A hook behind a rule that ends every packet's way through DOCKER-USER leads nowhere.
    """
    lines = [line for line in saved.splitlines() if line.startswith("-A ")]
    live = [_canonical(line) for line in lines if line.startswith(f"-A {CHAIN} ")]
    if live != [_canonical(line) for line in chain(rules, family)]:
        return False
    for line in lines:
        if not line.startswith(f"-A {PARENT} "):
            continue
        if _canonical(line) == _canonical(hook(bridge)):
            return True
        if line.split()[2:] in (["-j", "RETURN"], ["-j", "ACCEPT"]):
            return False
    return False


def is_absent(saved: str) -> bool:
    """Whether nothing of ours is in the live rules."""
    return not any(line.startswith(f":{CHAIN} ") or line.endswith(f"-j {CHAIN}") for line in saved.splitlines())


def hooks(saved: str) -> list[list[str]]:
    """The live rules that lead into our chain, each as the arguments that follow ``-D``."""
    return [
        shlex.split(line)[1:]
        for line in saved.splitlines()
        if line.startswith(f"-A {PARENT} ") and line.endswith(f"-j {CHAIN}")
    ]


def _canonical(line: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """A rule with what differs between versions of iptables evened out: order, names of protocols, masks, comments."""
    words = shlex.split(line)
    options: set[tuple[str, str]] = set()
    negated = ""
    position = 2
    while position < len(words):
        word = words[position]
        if word == "!":
            negated = "! "
            position += 1
            continue
        value = words[position + 1] if position + 1 < len(words) else ""
        position += 2
        if word in ("-m", "--comment"):
            continue
        options.add((negated + word, _value(word, value)))
        negated = ""
    return words[1], frozenset(options)


def _value(option: str, value: str) -> str:
    if option in ("--ctproto", "-p"):
        return _PROTOCOL_NUMBERS.get(value, value)
    if option == "--ctstate":
        return ",".join(sorted(value.split(",")))
    if option == "--ctorigdst":
        return _network(value) or value
    return value


def _network(text: str) -> str | None:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None


def _script(bridge: str) -> str:
    return f"""#!/bin/sh
{_HEADER}
# Puts the chain {CHAIN} and the way into it in place: one transaction per address family, so there is no moment without
# rules, and no rule of others in {PARENT} is touched. Docker uses a chain {PARENT} that is there before it starts.
set -eu

apply() {{
    iptables=$1
    rules=$2
    "$iptables" --wait 10 --numeric --list {PARENT} >/dev/null 2>&1 || "$iptables" --wait 10 --new-chain {PARENT}
    {{
        echo '*filter'
        cat "$rules"
        # First in the chain, wherever it was: older Docker ends it with a RETURN for everything.
        if "$iptables" --wait 10 --check {PARENT} ! -i {bridge} -o {bridge} -j {CHAIN} 2>/dev/null; then
            echo '-D {PARENT} ! -i {bridge} -o {bridge} -j {CHAIN}'
        fi
        echo '-I {PARENT} 1 ! -i {bridge} -o {bridge} -j {CHAIN}'
        echo 'COMMIT'
    }} | "$iptables-restore" --wait 10 --noflush
}}

apply iptables {rules_file("ipv4")}
# A kernel without IPv6 has nothing to guard there.
if [ -e /proc/net/if_inet6 ]; then
    apply ip6tables {rules_file("ipv6")}
fi
"""


_UNIT_TEXT = f"""{_HEADER}
[Unit]
Description=Firewall of the ports that the Torrust stack publishes
# In place before Docker lets the first container be reached, and put in place again whenever Docker starts anew. Others
# that load whole rule sets at boot come first.
Before=docker.service
PartOf=docker.service
After=ufw.service nftables.service netfilter-persistent.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {SCRIPT}
ExecReload=/bin/sh {SCRIPT}

[Install]
WantedBy=docker.service
"""
