# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses as the env file writes them: bind addresses, domains, hosts, URLs."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

Family = Literal["ipv4", "ipv6"]
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")


@dataclass(frozen=True)
class BindAddress:
    """An IP address and a port (0 to 65535) to listen on."""

    ip: IPAddress
    port: int

    @property
    def families(self) -> tuple[Family, ...]:
        """Whom it serves: ``0.0.0.0`` IPv4, ``[::]`` both, any other address its own family."""
        if self.ip.version == 4:
            return ("ipv4",)
        return ("ipv4", "ipv6") if self.ip.is_unspecified else ("ipv6",)

    @property
    def is_any(self) -> bool:
        """Every address of the machine."""
        return self.ip.is_unspecified

    def __str__(self) -> str:
        return f"{bracketed(str(self.ip))}:{self.port}"

    def overlaps(self, other: BindAddress) -> bool:
        """Whether both cannot be had by two sockets of one protocol."""
        if self.port != other.port:
            return False
        shared = set(self.families) & set(other.families)
        return bool(shared) and (self.ip == other.ip or self.is_any or other.is_any)


def parse_bind_address(text: str) -> BindAddress:
    """``a.b.c.d:port`` or ``[IPv6]:port``; ``ValueError`` says what is wrong."""
    match = re.fullmatch(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[^:\[\]]*)):(?P<port>[0-9]{1,5})", text)
    if not match:
        raise ValueError("must be IPv4:PORT or [IPv6]:PORT")
    try:
        ip: IPAddress = (
            ipaddress.IPv6Address(match["v6"]) if match["v6"] is not None else ipaddress.IPv4Address(match["v4"])
        )
    except ValueError as error:
        raise ValueError("must start with an IPv4 address or a bracketed IPv6 address") from error
    if isinstance(ip, ipaddress.IPv6Address) and (ip.scope_id is not None or ip.ipv4_mapped is not None):
        raise ValueError("must be an IPv6 address without an interface, and not an IPv4 address written as IPv6")
    port = int(match["port"])
    if port > 65535:
        raise ValueError("must end with a port from 1 to 65535")
    return BindAddress(ip, port)


def is_domain(text: str) -> bool:
    """A DNS host name of at least two labels that is not an IP address."""
    labels = text.split(".")
    if len(text) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return False
    return not labels[-1].isdigit()


def is_host(text: str) -> bool:
    """An IPv4 or IPv6 literal (no brackets, no port), or a host name of one label or more."""
    if family_of(text) is not None:
        return "%" not in text
    labels = text.split(".")
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()


def bracketed(host: str) -> str:
    """The host as it stands in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def family_of(host: str) -> Family | None:
    """The family of an IP literal; ``None`` for a name."""
    try:
        return "ipv4" if ipaddress.ip_address(host).version == 4 else "ipv6"
    except ValueError:
        return None


def url(scheme: str, host: str, port: int | None = None, path: str = "") -> str:
    """A URL; the port is left out where it is ``None`` or the scheme's own."""
    default = {"http": 80, "https": 443}.get(scheme)
    suffix = "" if port is None or port == default else f":{port}"
    return f"{scheme}://{bracketed(host)}{suffix}{path}"
