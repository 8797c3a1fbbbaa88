# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bind addresses, domains, hosts and URLs."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.torrust.deployer.plugins.plugin_utils._address import (
    BindAddress,
    is_domain,
    is_host,
    parse_bind_address,
    url,
)

_BINDS = st.builds(
    BindAddress,
    st.ip_addresses(v=4) | st.ip_addresses(v=6, network="2001:db8::/32") | st.just(ipaddress.IPv6Address("::")),
    st.integers(0, 65535),
)
_FEW = st.builds(
    BindAddress,
    st.sampled_from([ipaddress.ip_address(ip) for ip in ("0.0.0.0", "127.0.0.1", "10.0.0.1", "::", "::1", "fd00::1")]),
    st.integers(1, 2),
)


@given(_BINDS)
def test_a_bind_address_is_read_as_it_is_written(bind: BindAddress) -> None:
    assert parse_bind_address(str(bind)) == bind


@given(st.text(max_size=40))
def test_any_other_text_is_refused_with_a_reason(text: str) -> None:
    reason = ""
    try:
        bind = parse_bind_address(text)
    except ValueError as error:
        reason = str(error)
    if reason:
        assert reason.startswith("must ")
    else:
        assert 0 <= bind.port <= 65535


@pytest.mark.parametrize(
    "text",
    [
        "localhost:80",
        "010.0.0.1:80",
        ":::80",
        "::1:80",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:+80",
        "1.2.3.4:80\n",
        "[1.2.3.4]:80",
        "[fe80::1%eth0]:80",
        "[::ffff:1.2.3.4]:80",
        " 1.2.3.4:80",
        "1.2.3.4:٣",
    ],
)
def test_what_is_no_bind_address(text: str) -> None:
    with pytest.raises(ValueError, match="must "):
        parse_bind_address(text)


@given(_FEW, _FEW)
def test_overlap_is_mutual_and_needs_a_shared_port(one: BindAddress, other: BindAddress) -> None:
    assert one.overlaps(other) == other.overlaps(one)
    assert one.overlaps(one)
    if one.port != other.port:
        assert not one.overlaps(other)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("0.0.0.0:1", "127.0.0.1:1", True),
        ("0.0.0.0:1", "[::]:1", True),
        ("0.0.0.0:1", "[::1]:1", False),
        ("[::]:1", "10.0.0.1:1", True),
        ("10.0.0.1:1", "10.0.0.2:1", False),
    ],
)
def test_who_gets_in_whose_way(one: str, other: str, clash: bool) -> None:
    assert parse_bind_address(one).overlaps(parse_bind_address(other)) is clash


def test_whom_an_address_serves() -> None:
    assert parse_bind_address("0.0.0.0:1").families == ("ipv4",)
    assert parse_bind_address("[::]:1").families == ("ipv4", "ipv6")
    assert parse_bind_address("[fd00::1]:1").families == ("ipv6",)


@pytest.mark.parametrize("text", ["tracker.example.org", "a.b", "x-1.example.COM", "xn--bcher-kva.example"])
def test_domains(text: str) -> None:
    assert is_domain(text)


@pytest.mark.parametrize("text", ["", "local", "a..b", "-a.b", "a-.b", "a.b.", "a b.c", "1.2.3.4", "a_b.c", "a{b.c"])
def test_what_is_no_domain(text: str) -> None:
    assert not is_domain(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.7", True),
        ("2001:db8::7", True),
        ("host", True),
        ("host.example.org", True),
        ("[2001:db8::7]", False),
        ("203.0.113.7:22", False),
        ("999.1.1.1", False),
        ("fe80::1%eth0", False),
        ("user@host", False),
        ("-oProxyCommand=x", False),
        ("", False),
    ],
)
def test_hosts(text: str, expected: bool) -> None:
    assert is_host(text) is expected


def test_urls() -> None:
    assert url("udp", "fd00::1", 6969, "/announce") == "udp://[fd00::1]:6969/announce"
    assert url("https", "tracker.example.org", 443, "/announce") == "https://tracker.example.org/announce"
