# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is probed from where: every listener once for each address that can reach it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils import _probing
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import check
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import Plan, make_plan
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Infrastructure

from .env_files import env_file
from .records import MACHINE

BOTH = {"tracker__udp_trackers__0__bind_address": "[::]:6969"}
IPV4_ONLY = replace(MACHINE, ipv6=None)
NAMED = replace(MACHINE, ipv4=None, ipv6=None, address="tracker.example.org")


def _plan(**changes: Any) -> Plan:
    environment = check(env_file(**changes), Path("/env")).environment
    assert environment is not None
    return make_plan(environment, catalogue())


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (MACHINE, ("10.0.0.2", "fd00::2")),
        (replace(MACHINE, address="192.0.2.7"), ("10.0.0.2", "fd00::2", "192.0.2.7")),
        (NAMED, ("tracker.example.org",)),
        (replace(NAMED, ipv6="fd00::2"), ("fd00::2",)),
    ],
)
def test_addresses_of_the_instance(machine: Infrastructure, expected: tuple[str, ...]) -> None:
    assert _probing.addresses(machine) == expected


def test_each_public_listener_is_probed_at_each_address_of_its_families() -> None:
    request = _probing.outside(_plan(**BOTH), MACHINE)
    assert [(one["name"], one["protocol"], one["family"], one["address"]) for one in request["listeners"]] == [
        ("udp_trackers[0]", "udp", "ipv4", "10.0.0.2"),
        ("udp_trackers[0]", "udp", "ipv6", "fd00::2"),
        ("http_trackers[0]", "http", "ipv4", "10.0.0.2"),
    ]
    assert request["listeners"][2]["url"] == "http://10.0.0.2:7070/announce"
    assert "url" not in request["listeners"][0]
    assert request["api"] == []


def test_a_public_api_is_probed_from_outside_and_a_local_one_on_the_host() -> None:
    public = _plan(tracker__http_api={"bind_address": "0.0.0.0:1212"})
    assert _probing.outside(public, MACHINE)["api"] == [{"url": "http://10.0.0.2:1212/api/health_check"}]
    assert _probing.on_host(public) == {"listeners": [], "api": []}
    assert _probing.on_host(_plan())["api"] == [{"url": "http://127.0.0.1:1212/api/health_check"}]


def test_a_tracker_for_the_host_alone_is_probed_there() -> None:
    plan = _plan(tracker__udp_trackers__0__bind_address="127.0.0.1:6969")
    (listener,) = _probing.on_host(plan)["listeners"]
    assert (listener["name"], listener["address"], listener["port"]) == ("udp_trackers[0]", "127.0.0.1", 6969)
    assert "udp_trackers[0]" not in {one["name"] for one in _probing.outside(plan, MACHINE)["listeners"]}


@pytest.mark.parametrize(
    ("changes", "refuses"),
    [
        ({}, None),
        ({"tracker__core__private": True}, "private"),
        ({"tracker__core__listed": True}, "listed"),
    ],
)
def test_who_is_refused_by_configuration(changes: dict[str, Any], refuses: str | None) -> None:
    listeners = _probing.outside(_plan(**changes), MACHINE)["listeners"]
    assert listeners
    assert {listener.get("refuses") for listener in listeners} == {refuses}


def test_a_family_without_address_is_not_forgotten() -> None:
    plan = _plan(**BOTH)
    assert [(one.id, family) for one, family in _probing.unaddressed(plan, IPV4_ONLY)] == [("udp_trackers[0]", "ipv6")]
    assert _probing.unaddressed(plan, MACHINE) == []
    assert _probing.unaddressed(plan, NAMED) == []


def test_rows_come_by_listener_in_the_order_of_the_probes() -> None:
    rows = [{"target": "b", "n": 1}, {"target": "a", "n": 2}, {"target": "a", "n": 3}]
    assert [row["n"] for row in _probing.rows_sorted(rows)] == [2, 3, 1]
