# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probes against a fake tracker that breaks in every way: each must be told apart. Loopback only."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.module_utils import _bittorrent as bt
from ansible_collections.torrust.deployer.plugins.module_utils import _probe
from ansible_collections.torrust.deployer.plugins.module_utils._probe import Verdict, run_probes, worst_status
from ansible_collections.torrust.deployer.tests.fake_tracker import (
    LOOPBACK,
    FakeHttpTracker,
    FakeUdpTracker,
    closed_port,
)

TIMEOUT = 0.3
FAKES: dict[str, type[FakeUdpTracker | FakeHttpTracker]] = {"udp": FakeUdpTracker, "http": FakeHttpTracker}
BOTH = pytest.mark.parametrize("protocol", ["udp", "http"])
FAMILIES = pytest.mark.parametrize("family", ["ipv4", "ipv6"])


def probe(*listeners: dict[str, Any], **options: Any) -> list[Verdict]:
    return run_probes({"listeners": list(listeners), "options": {"timeout": TIMEOUT, **options}})


def row(rows: list[Verdict], name: str) -> Verdict:
    found = [item for item in rows if item.probe == name]
    assert len(found) == 1, rows
    return found[0]


@BOTH
@FAMILIES
def test_healthy_passes_quickly_and_leaves_nothing_behind(protocol: str, family: str) -> None:
    with FAKES[protocol](family=family) as tracker:
        started = time.monotonic()
        rows = probe(tracker.listener())
        assert time.monotonic() - started < 1
    names = ["introduce", "address", "scrape", "leave"] + (["health"] if protocol == "http" else [])
    assert [(item.probe, item.status, item.hop) for item in rows] == [(name, "passed", "") for name in names]
    assert row(rows, "address").message.endswith(LOOPBACK[family])
    assert worst_status(rows) == "passed"
    events = [event for event, _port in tracker.swarm.announces]
    assert events == ["started", "started", "none", "stopped", "stopped"]
    assert len({port for _event, port in tracker.swarm.announces}) == 2
    assert tracker.swarm.size == 0
    if isinstance(tracker, FakeUdpTracker):
        assert tracker.bad_connection_ids == 0
        assert tracker.connects == 2


def test_dictionary_peers_pass() -> None:
    with FakeHttpTracker("dictionary", "ipv6") as tracker:
        assert worst_status(probe(tracker.listener())) == "passed"


# protocol, mode, probe, hop, words of the message: every pair of hop and words differs within a protocol.
BROKEN = [
    ("udp", "silent", "introduce", "firewall", "dropped"),
    ("udp", "wrong_transaction", "introduce", "tracker", "transaction id"),
    ("udp", "truncated", "introduce", "tracker", "malformed answer to the connect"),
    ("udp", "garbage", "introduce", "container", "not a tracker"),
    ("udp", "mute_announce", "introduce", "tracker", "no answer to 3 announce packets"),
    ("udp", "failure", "introduce", "tracker", "refuses the announce: no"),
    ("udp", "no_peers", "introduce", "tracker", "does not introduce"),
    ("udp", "mapped", "introduce", "tracker", "18-byte"),
    ("udp", "wrong_address", "address", "container", "172.18.0.1"),
    ("udp", "wrong_counts", "scrape", "tracker", "counts are wrong"),
    ("udp", "keeps_peers", "leave", "tracker", "still counts 1 seeders"),
    ("http", "silent", "introduce", "container", "answer did not end"),
    ("http", "closes", "introduce", "container", "closed without"),
    ("http", "html", "introduce", "container", "not bencoded"),
    ("http", "http_404", "introduce", "container", "not a tracker at this path"),
    ("http", "http_500", "introduce", "tracker", "status 500"),
    ("http", "http_502", "introduce", "container", "proxy answers"),
    ("http", "failure", "introduce", "tracker", "refuses: no"),
    ("http", "malformed", "introduce", "tracker", "interval is not"),
    ("http", "drip", "introduce", "container", "answer did not end"),
    ("http", "drip_headers", "introduce", "container", "answer did not end"),
    ("http", "huge", "introduce", "container", "larger than"),
    ("http", "no_peers", "introduce", "tracker", "does not introduce"),
    ("http", "mapped", "introduce", "tracker", "18-byte"),
    ("http", "wrong_address", "address", "container", "172.18.0.1"),
    ("http", "wrong_counts", "scrape", "tracker", "counts are wrong"),
    ("http", "keeps_peers", "leave", "tracker", "still counts 1 seeders"),
    ("http", "unhealthy", "health", "tracker", "'Error' instead of 'Ok'"),
]


@pytest.mark.parametrize(("protocol", "mode", "name", "hop", "words"), BROKEN)
def test_each_way_of_breaking_is_told_apart(protocol: str, mode: str, name: str, hop: str, words: str) -> None:
    with FAKES[protocol](mode) as tracker:
        started = time.monotonic()
        rows = probe(tracker.listener())
        assert time.monotonic() - started < 1.5
    verdict = row(rows, name)
    assert (verdict.status, verdict.hop) == ("failed", hop), verdict
    assert words in verdict.message
    assert verdict.next_step
    assert worst_status(rows) == "failed"


def test_loopback_is_named_as_a_possible_cause() -> None:
    with FakeUdpTracker("no_peers", "ipv6") as tracker:
        assert "external_ip" in row(probe(tracker.listener()), "introduce").next_step


@BOTH
@pytest.mark.parametrize("mode", ["no_peers", "mapped", "wrong_counts", "wrong_address"])
def test_peers_leave_after_a_failure_too(protocol: str, mode: str) -> None:
    with FAKES[protocol](mode) as tracker:
        assert worst_status(probe(tracker.listener())) == "failed"
    assert tracker.swarm.size == 0
    assert [event for event, _port in tracker.swarm.announces].count("stopped") == 2


@BOTH
@FAMILIES
def test_closed_port_is_the_port(protocol: str, family: str) -> None:
    port = closed_port(protocol, family)
    listener = {"name": "x", "protocol": protocol, "family": family, "address": LOOPBACK[family], "port": port}
    rows = probe(listener)
    for verdict in rows:
        assert (verdict.status, verdict.hop) == ("failed", "port")
        assert "nothing listens" in verdict.message
        assert f":{port}" in verdict.next_step
    assert [verdict.probe for verdict in rows] == (["introduce"] if protocol == "udp" else ["introduce", "health"])


@BOTH
def test_no_route_of_the_family_is_untested(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_route(endpoint: bt.Endpoint, bind: str | None) -> None:
        raise bt.NoRouteError(f"this machine has no IPv6 route to {endpoint.address} (Network is unreachable)")

    monkeypatch.setattr(bt, "_open_udp", no_route)
    rows = probe({"name": "x", "protocol": protocol, "family": "ipv6", "address": "2001:db8::5", "port": 6969})
    assert {(verdict.status, verdict.hop) for verdict in rows} == {("untested", "route")}
    assert all("no IPv6 route" in verdict.message for verdict in rows)
    assert worst_status(rows) == "untested"


def test_an_address_that_is_not_ours_cannot_be_bound() -> None:
    with FakeUdpTracker() as tracker:
        verdict = row(probe(tracker.listener(), bind={"ipv4": "192.0.2.77"}), "introduce")
    assert (verdict.status, verdict.hop) == ("untested", "route")
    assert "from 192.0.2.77" in verdict.message
    assert not tracker.swarm.announces


@BOTH
def test_bind_chooses_the_source(protocol: str) -> None:
    with FAKES[protocol]() as tracker:
        rows = probe(tracker.listener(), bind={"ipv4": "127.0.0.2"})
    assert row(rows, "address").message == "seen as 127.0.0.2"
    assert worst_status(rows) == "passed"


def test_unresolvable_name_is_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_name(*_args: object, **_kwargs: object) -> list[Any]:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    rows = probe({"name": "x", "protocol": "udp", "family": "ipv4", "url": "udp://tracker.invalid:6969/announce"})
    assert [(verdict.probe, verdict.status, verdict.hop) for verdict in rows] == [("introduce", "failed", "dns")]
    assert "tracker.invalid has no IPv4 address" in rows[0].message


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [("127.0.0.1", "passed", "is 127.0.0.1"), ("192.0.2.9", "warned", "clients go elsewhere")],
)
def test_the_name_must_lead_to_the_pinned_address(
    found: str, status: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bt.resolve

    def fake(host: str, port: int, family: str = "any", *, timeout: float = 3.0) -> list[bt.Endpoint]:
        return real(found if host == "tracker.example" else host, port, family, timeout=timeout)

    monkeypatch.setattr(bt, "resolve", fake)
    with FakeHttpTracker() as tracker:
        rows = probe(tracker.listener(url=f"http://tracker.example:{tracker.port}/announce"))
    assert row(rows, "dns").status == status
    assert words in row(rows, "dns").message
    assert row(rows, "introduce").status == "passed"
    assert f"Host: tracker.example:{tracker.port}" in tracker.requests[0]


@BOTH
@pytest.mark.parametrize(
    ("reason", "refuses", "status", "words"),
    [
        ("The torrent: 00, is not whitelisted, src/x.rs:1", None, "failed", "core.listed"),
        ("The torrent: 00, is not whitelisted, src/x.rs:1", "listed", "untested", "core.listed"),
        ("Authentication error: Missing authentication key param", None, "failed", "core.private"),
        ("Authentication error: Missing authentication key param", "private", "untested", "core.private"),
        ("Authentication error: Missing authentication key param", "listed", "failed", "core.private"),
        ("missing or invalid the right most X-Forwarded-For IP", None, "failed", "on_reverse_proxy"),
        ("connection id could not be verified", None, "failed", "connection ID"),
    ],
)
def test_known_refusals_are_explained(protocol: str, reason: str, refuses: str | None, status: str, words: str) -> None:
    with FAKES[protocol]("failure", reason=reason) as tracker:
        verdict = row(probe(tracker.listener(refuses=refuses)), "introduce")
    assert (verdict.status, verdict.hop) == (status, "tracker")
    assert words in verdict.message
    assert reason in verdict.message


def test_refusals_cannot_write_to_the_terminal() -> None:
    with FakeUdpTracker("failure", reason="\x1b[2J\nbad\r") as tracker:
        verdict = row(probe(tracker.listener()), "introduce")
    assert verdict.message.isprintable()


@pytest.mark.parametrize(
    ("local", "seen", "remote", "networks", "status", "hop"),
    [
        # docker-proxy between clients of a lab network and the container
        ("10.87.140.1", "172.18.0.1", "10.87.140.7", (), "failed", "container"),
        ("fd42:87::1", "fd00:77::1", "fd42:87::7", (), "failed", "container"),
        ("10.87.140.1", "10.99.0.1", "10.87.140.7", ("10.99.0.0/16",), "failed", "container"),
        # masquerading on the host itself
        ("10.87.140.1", "10.87.140.7", "10.87.140.7", (), "failed", "container"),
        ("203.0.113.9", "198.51.100.5", "198.51.100.5", (), "failed", "container"),
        # a public client is never rightly seen as a private one
        ("8.8.8.8", "172.17.0.1", "9.9.9.9", (), "failed", "container"),
        ("192.168.1.5", "10.0.0.1", "9.9.9.9", (), "failed", "container"),
        # home router, carrier-grade NAT, a VPN between two private networks
        ("192.168.1.5", "8.8.4.4", "9.9.9.9", (), "warned", "route"),
        ("100.64.3.2", "8.8.4.4", "9.9.9.9", (), "warned", "route"),
        ("10.1.1.5", "10.8.0.2", "10.2.0.7", (), "warned", "route"),
        # the tracker's external_ip for loopback clients
        ("127.0.0.1", "0.0.0.0", "127.0.0.1", (), "warned", "tracker"),
    ],
)
def test_rewritten_addresses_and_nat(
    local: str, seen: str, remote: str, networks: tuple[str, ...], status: str, hop: str
) -> None:
    fault = _probe._judge_address(local, seen, remote, networks)
    assert (fault.status, fault.hop) == (status, hop)
    assert local in fault.message
    assert seen in fault.message


@FAMILIES
def test_api_health(family: str) -> None:
    with FakeHttpTracker(family=family) as tracker:
        where = bt.join_host_port(tracker.address, tracker.port)
        rows = run_probes({"api": {"url": f"http://{where}/api/health_check"}, "options": {"timeout": TIMEOUT}})
    assert [(verdict.probe, verdict.status) for verdict in rows] == [("api", "passed")]
    assert rows[0].target == f"api http://{where}/api/health_check"


@pytest.mark.parametrize(
    ("mode", "hop", "words"),
    [
        ("http_500", "tracker", "status 500"),
        ("html", "container", "not the tracker"),
        ("unhealthy", "tracker", "instead of 'Ok'"),
        ("silent", "container", "did not end"),
        ("closes", "container", "closed"),
    ],
)
def test_api_failures(mode: str, hop: str, words: str) -> None:
    with FakeHttpTracker(mode) as tracker:
        url = f"http://127.0.0.1:{tracker.port}/api/health_check"
        verdict = row(run_probes({"api": [{"url": url}], "options": {"timeout": TIMEOUT}}), "api")
    assert (verdict.status, verdict.hop) == ("failed", hop)
    assert words in verdict.message


def test_a_slow_tracker_cannot_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_probe, "_TOTAL", 0)
    with FakeUdpTracker() as tracker:
        verdict = row(probe(tracker.listener()), "introduce")
    assert verdict.hop == "tracker"
    assert "so slowly" in verdict.message


def test_many_at_once_are_sorted_and_serialisable() -> None:
    with FakeUdpTracker() as good, FakeUdpTracker("silent") as silent, FakeHttpTracker("silent", "ipv6") as mute:
        started = time.monotonic()
        rows = probe(mute.listener(name="c"), silent.listener(name="b"), good.listener(name="a"))
        assert time.monotonic() - started < 3 * TIMEOUT
    assert [verdict.target[0] for verdict in rows] == ["a"] * 4 + ["b"] + ["c"] * 2
    assert json.loads(json.dumps([verdict.as_dict() for verdict in rows]))[0]["probe"] == "introduce"


def test_keys_in_urls_are_not_shown() -> None:
    with FakeHttpTracker("failure") as tracker:
        rows = probe(tracker.listener(url=tracker.url + "/s3cr3t?pass=s3cr3t"))
        assert "GET /announce/s3cr3t?pass=s3cr3t&info_hash=" in "".join(tracker.requests)
    assert "s3cr3t" not in repr(rows)


def old_python() -> str | None:
    """A Python 3.9, the oldest that hosts may have: on the PATH or from pyenv."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # not $HOME, which tests may change
    candidates = [shutil.which("python3.9"), *map(str, sorted(home.glob(".pyenv/versions/3.9*/bin/python3.9")))]
    for path in candidates:
        # A pyenv shim is on the PATH even when it leads nowhere.
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return path
    return None


def test_runs_on_the_python_of_the_oldest_hosts() -> None:
    python = old_python()
    if python is None:
        pytest.skip("no Python 3.9 on this machine")
    code = (
        "import json, sys; from ansible_collections.torrust.deployer.plugins.module_utils import _probe; "
        "print(json.dumps([row.as_dict() for row in _probe.run_probes(json.load(sys.stdin))]))"
    )
    modules = Path(_probe.__file__).parent
    with FakeUdpTracker(family="ipv6") as udp, FakeHttpTracker() as http, FakeHttpTracker("drip") as slow:
        listeners = [udp.listener(name="a"), http.listener(name="b"), slow.listener(name="c")]
        request = {"listeners": listeners, "options": {"timeout": TIMEOUT}}
        # Only these two modules, as Ansible would ship them: under the collection's name and nothing else.
        with tempfile.TemporaryDirectory() as directory:
            package = Path(directory, "ansible_collections/torrust/deployer/plugins/module_utils")
            package.mkdir(parents=True)
            for name in ("_bittorrent.py", "_probe.py"):
                shutil.copy(modules / name, package)
            done = subprocess.run(
                [python, "-c", code], input=json.dumps(request), capture_output=True, text=True, check=False,
                env={"PYTHONPATH": directory, "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [(row["target"][0], row["probe"], row["status"]) for row in json.loads(done.stdout)]
    assert rows == [
        *(("a", name, "passed") for name in ("introduce", "address", "scrape", "leave")),
        *(("b", name, "passed") for name in ("introduce", "address", "scrape", "leave", "health")),
        ("c", "introduce", "failed"),
        ("c", "health", "failed"),
    ]


def test_nothing_to_probe_is_not_a_success() -> None:
    assert worst_status(run_probes({})) == "untested"


@pytest.mark.parametrize(
    "request_data",
    [
        {"listeners": [{"name": "x", "protocol": "tcp", "family": "ipv4", "address": "::1", "port": 1}]},
        {"listeners": [{"name": "x", "protocol": "udp", "family": "ipv4"}]},
        {"listeners": [{"name": "x", "protocol": "http", "family": "ipv4", "url": "http://[::1/announce"}]},
        {"options": {"timeout": 0}},
        {"options": {"timeuot": 1}},
        {"options": {"container_networks": ["10.0.0.1/8"]}},
        {"options": {"ca_file": "/nonexistent/ca.pem"}},
    ],
)
def test_malformed_requests_are_refused(request_data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="x|timeout|timeuot|ca_file|host bits"):
        run_probes(request_data)
