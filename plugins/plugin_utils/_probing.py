# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be probed, from the Plan and the instance's addresses: requests for ``module_utils/_probe.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.torrust.deployer.plugins.plugin_utils._address import Family, family_of, url
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import Listener, Plan, targets
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Infrastructure

_TRACKERS = {"udp_tracker": "udp", "http_tracker": "http"}


def addresses(infrastructure: Infrastructure) -> tuple[str, ...]:
    """The instance's addresses as clients use them: IPv4, IPv6; its name where no address is known."""
    literal = infrastructure.address if family_of(infrastructure.address) else None
    known = dict.fromkeys(filter(None, (infrastructure.ipv4, infrastructure.ipv6, literal)))
    return tuple(known) or (infrastructure.address,)


def outside(plan: Plan, infrastructure: Infrastructure) -> dict[str, Any]:
    """The request for a client outside: every public listener at every address of a family that it serves."""
    found = targets(plan, addresses(infrastructure))
    return {
        "listeners": [
            _listener(plan, target.id, _TRACKERS[target.kind], target.family or "ipv4", target.address, target.port)
            for target in found
            if target.kind in _TRACKERS
        ],
        "api": [_api(target.address, target.port) for target in found if target.kind == "http_api"],
    }


def on_host(plan: Plan) -> dict[str, Any]:
    """The request for the host itself: listeners that only programs on it can reach."""
    listeners, api = [], []
    for listener in plan.listeners:
        if listener.scope != "host":
            continue
        for publication in listener.publications:
            address, port = publication.host_address, publication.host_port
            if listener.kind in _TRACKERS:
                listeners.append(
                    _listener(plan, listener.id, _TRACKERS[listener.kind], publication.family, address, port)
                )
            elif listener.kind == "http_api":
                api.append(_api(address, port))
    return {"listeners": listeners, "api": api}


def unaddressed(plan: Plan, infrastructure: Infrastructure) -> list[tuple[Listener, Family]]:
    """Public listeners with a family of which the instance has no known address: nobody can probe them."""
    families = {family_of(address) for address in addresses(infrastructure)}
    if None in families:
        return []
    return [
        (listener, family)
        for listener in plan.listeners
        if listener.scope == "public"
        for family in listener.families
        if family not in families
    ]


def _listener(plan: Plan, name: str, protocol: str, family: str, address: str, port: int) -> dict[str, Any]:
    listener: dict[str, Any] = {"name": name, "protocol": protocol, "family": family, "address": address, "port": port}
    if protocol == "http":
        listener["url"] = url("http", address, port, "/announce")
    refuses = _refusal(plan)
    if refuses:
        listener["refuses"] = refuses
    return listener


def _refusal(plan: Plan) -> str | None:
    """Why a stranger's announce is refused by configuration, if it is."""
    if plan.tracker.private:
        return "private"
    return "listed" if plan.tracker.listed else None


def _api(address: str, port: int) -> dict[str, Any]:
    return {"url": url("http", address, port, "/api/health_check")}


def rows_sorted(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Verdict rows in the order people read them: by listener, then as the probe gave them."""
    return sorted(rows, key=lambda row: str(row["target"]))
