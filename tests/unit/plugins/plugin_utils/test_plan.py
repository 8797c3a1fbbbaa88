# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Plan: what follows from an Environment, and what must hold of every one."""

from __future__ import annotations

import ipaddress
import json
from itertools import combinations
from pathlib import Path
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import Catalogue, TrackerRelease, catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import check
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import Listener, Plan, make_plan, targets

from .env_files import REMOVED, env_file

_HOSTS = st.sampled_from(["0.0.0.0", "[::]", "127.0.0.1", "10.0.0.1", "10.0.0.2", "[fd00::1]", "[::1]"])
_PORTS = st.sampled_from([80, 6969, 6970, 7070, 16969, 17070, 55535, 65535])
_BINDS = st.builds(lambda host, port: {"bind_address": f"{host}:{port}"}, _HOSTS, _PORTS)


def _plan(data: Any, known: Catalogue | None = None) -> Plan:
    environment = check(data, Path("/env")).environment
    assert environment is not None
    return make_plan(environment, known or catalogue())


def _per_family() -> Catalogue:
    """The catalogue with a release that can bind a port once per address family."""
    release = catalogue().releases["3.0.0"]
    able = TrackerRelease(release.name, release.tag, release.schema, release.features | {"ipv6_v6only"})
    return Catalogue(catalogue().images, {**catalogue().releases, "3.0.0": able})


def _one(plan: Plan, identity: str) -> Listener:
    return next(listener for listener in plan.listeners if listener.id == identity)


@given(st.lists(_BINDS, max_size=4), st.lists(_BINDS, max_size=4), _BINDS | st.none(), st.booleans())
def test_every_listener_gets_its_sockets_and_nobody_elses(
    udp: list[dict[str, str]], http: list[dict[str, str]], api: dict[str, str] | None, able: bool
) -> None:
    data = env_file(
        tracker__udp_trackers=udp, tracker__http_trackers=http, tracker__http_api=REMOVED if api is None else api
    )
    environment = check(data, Path("/env")).environment
    assume(environment is not None)
    plan = _plan(data, _per_family() if able else None)
    sockets = [
        (listener.protocol, socket.port, socket.family) for listener in plan.listeners for socket in listener.sockets
    ]
    for one, other in combinations(sockets, 2):
        same_port = one[:2] == other[:2]
        apart = able and "both" not in (one[2], other[2]) and one[2] != other[2]
        assert not same_port or apart, sockets
    published = [
        (p.protocol, p.host_address, p.host_port) for listener in plan.listeners for p in listener.publications
    ]
    assert len(published) == len(set(published))
    for listener in plan.listeners:
        if listener.exposure == "none":
            continue
        assert {p.family for p in listener.publications} == set(listener.families)
        for publication in listener.publications:
            assert publication.host_port == listener.port
            serving = [s for s in listener.sockets if s.port == publication.container_port]
            assert [s for s in serving if s.family in (publication.family, "both")]
            assert ipaddress.ip_address(publication.host_address).version == (4 if publication.family == "ipv4" else 6)


def test_one_socket_for_ipv4_and_two_for_both_families() -> None:
    plan = _plan(env_file(tracker__udp_trackers__0__bind_address="[::]:6969"))
    dual = _one(plan, "udp_trackers[0]")
    assert [(s.bind, s.family) for s in dual.sockets] == [("0.0.0.0:6969", "ipv4"), ("[::]:16969", "ipv6")]
    assert [(p.host_address, p.host_port, p.container_port) for p in dual.publications] == [
        ("0.0.0.0", 6969, 6969),
        ("::", 6969, 16969),
    ]
    single = _one(plan, "http_trackers[0]")
    assert [(s.bind, s.family) for s in single.sockets] == [("0.0.0.0:7070", "ipv4")]


def test_two_addresses_of_the_host_with_one_port_are_two_ports_in_the_container() -> None:
    plan = _plan(
        env_file(
            tracker__http_trackers__0__bind_address="10.0.0.1:7070",
            tracker__http_trackers__1={"bind_address": "10.0.0.2:7070"},
        )
    )
    first, second = _one(plan, "http_trackers[0]"), _one(plan, "http_trackers[1]")
    assert first.sockets[0].port == 7070
    assert second.sockets[0].port == 17070
    assert second.publications[0].host_port == 7070


def test_the_firewall_lets_in_exactly_what_is_public() -> None:
    plan = _plan(env_file(tracker__udp_trackers__0__bind_address="[::]:6969", ssh_credentials__port=2222))
    rules = {(rule.chain, rule.protocol, rule.port, rule.family) for rule in plan.host.firewall_rules}
    assert rules == {
        ("input", "tcp", 2222, "ipv4"),
        ("input", "tcp", 2222, "ipv6"),
        ("forward", "udp", 6969, "ipv4"),
        ("forward", "udp", 6969, "ipv6"),
        ("forward", "tcp", 7070, "ipv4"),
    }


def test_who_can_reach_what() -> None:
    plan = _plan(env_file())
    scopes = {listener.id: listener.scope for listener in plan.listeners}
    assert scopes == {
        "udp_trackers[0]": "public",
        "http_trackers[0]": "public",
        "http_api": "host",
        "health_check_api": "container",
    }


def test_targets_are_the_public_listeners_at_addresses_of_their_families() -> None:
    plan = _plan(env_file(tracker__udp_trackers__0__bind_address="[::]:6969"))
    found = [(target.kind, target.url) for target in targets(plan, ["10.0.0.2", "fd00::2", "t.example.org"])]
    assert found == [
        ("udp_tracker", "udp://10.0.0.2:6969/announce"),
        ("udp_tracker", "udp://[fd00::2]:6969/announce"),
        ("udp_tracker", "udp://t.example.org:6969/announce"),
        ("http_tracker", "http://10.0.0.2:7070/announce"),
        ("http_tracker", "http://t.example.org:7070/announce"),
    ]


def test_the_network_is_the_environments_own_ula() -> None:
    one, again = _plan(env_file()).network, _plan(env_file()).network
    other = _plan(env_file(environment__name="other")).network
    assert one == again
    assert one.ipv6_subnet != other.ipv6_subnet
    subnet = ipaddress.IPv6Network(one.ipv6_subnet)
    assert subnet.prefixlen == 64
    assert subnet.subnet_of(ipaddress.IPv6Network("fd00::/8"))


def test_a_plan_is_json_without_secrets() -> None:
    plan = _plan(env_file(tracker__http_api__admin_token="hunter2-hunter2-hunter2"))
    text = json.dumps(plan.document())
    assert "hunter2" not in text
    assert "tracker.http_api.admin_token" in text


def test_an_existing_machine_is_not_managed() -> None:
    plan = _plan(env_file(provider={"provider": "existing"}))
    assert (plan.instance.managed, plan.instance.variables) == (False, {})


def test_images_come_from_the_catalogue() -> None:
    service = _plan(env_file()).services[0]
    assert service.image == "torrust/tracker:3.0.0"
    assert service.uid == catalogue().images["tracker"].uid
    assert all(directory.uid == service.uid for directory in service.directories)
