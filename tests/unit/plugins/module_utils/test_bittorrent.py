# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The codecs under arbitrary input, and the clients against a fake tracker on loopback."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.torrust.deployer.plugins.module_utils import _bittorrent as bt
from ansible_collections.torrust.deployer.tests.fake_tracker import (
    LOOPBACK,
    FakeHttpTracker,
    FakeUdpTracker,
    closed_port,
)

TIMEOUT = 0.2
HASH = bytes(range(20))
FAMILIES = pytest.mark.parametrize("family", ["ipv4", "ipv6"])

# ---------------------------------------------------------------------------------------------------- bencode

integers = st.integers(-(1 << 63), (1 << 64) - 1)
values = st.recursive(
    integers | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=8), inner, max_size=5),
    max_leaves=20,
)


@given(values)
def test_bencode_round_trip(value: bt.BValue) -> None:
    assert bt.bdecode(bt.bencode(value)) == value


@given(st.binary(max_size=60) | st.text("deil0123456789:-", max_size=40).map(str.encode))
def test_hostile_bencode_raises_only_its_own_error_and_is_canonical(data: bytes) -> None:
    with contextlib.suppress(bt.BencodeError):
        # What is accepted is the one way to write it.
        assert bt.bencode(bt.bdecode(data)) == data


@given(values, st.data())
def test_truncated_bencode_is_refused(value: bt.BValue, data: st.DataObject) -> None:
    whole = bt.bencode(value)
    with pytest.raises(bt.BencodeError):
        bt.bdecode(whole[: data.draw(st.integers(0, len(whole) - 1))])


@pytest.mark.parametrize(
    "data",
    [
        b"", b"i01e", b"i-0e", b"i-e", b"ie", b"i1", b"i+1e", b"i 1e", b"01:a", b"1:", b"2:a", b"-1:a", b"1",
        b"d1:bi1e1:ai1ee", b"d1:ai1e1:ai1ee", b"di1ei1ee", b"d1:ae", b"l", b"i1ei2e", b"e", b"x",
        b"i" + b"9" * 5000 + b"e", b"99999999999999999999:a", b"i18446744073709551616e", b"l" * 100000, b"d0:" * 50000,
        b"l" * 33 + b"e" * 33,
    ],
)  # fmt: skip
def test_bencode_that_is_not_canonical_or_too_much(data: bytes) -> None:
    with pytest.raises(bt.BencodeError):
        bt.bdecode(data)


def test_bencode_limits() -> None:
    assert bt.bdecode(b"l" * 32 + b"e" * 32)
    with pytest.raises(bt.BencodeError, match="more than 4"):
        bt.bdecode(b"5:abcde", max_size=4)
    with pytest.raises(bt.BencodeError, match="deeply"):
        bt.bdecode(b"llee", max_depth=1)


@pytest.mark.parametrize("value", [True, None, 1.5, 1 << 64, {1: 2}, {"a": 1, b"a": 2}, "\ud800", object()])
def test_what_cannot_be_bencoded(value: object) -> None:
    with pytest.raises(bt.BencodeError):
        bt.bencode(value)


def test_cyclic_values_end() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(bt.BencodeError, match="nested"):
        bt.bencode(cycle)


# ---------------------------------------------------------------------------------------------------- packets

u32, u64 = st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1)
count, i64 = st.integers(0, (1 << 31) - 1), st.integers(-(1 << 63), (1 << 63) - 1)
hash20 = st.binary(min_size=20, max_size=20)
requests: st.SearchStrategy[bt.Request] = st.one_of(
    st.builds(bt.ConnectRequest, u32),
    st.builds(
        bt.AnnounceRequest, u64, u32, hash20, hash20, st.integers(0, 65535), st.sampled_from(sorted(bt.EVENTS)),
        i64, i64, i64, u32, u32, st.integers(-(1 << 31), (1 << 31) - 1),
    ),
    st.builds(bt.ScrapeRequest, u64, u32, st.lists(hash20, min_size=1, max_size=74).map(tuple)),
)  # fmt: skip
entry = st.builds(bt.ScrapeEntry, count, count, count)
answers: st.SearchStrategy[bt.Answer] = st.one_of(
    st.builds(bt.ConnectResponse, u32, u64),
    st.builds(bt.AnnounceAnswer, u32, count, count, count, st.binary(max_size=90)),
    st.builds(bt.ScrapeAnswer, u32, st.lists(entry, max_size=5).map(tuple)),
    st.builds(bt.ErrorAnswer, u32, st.text(max_size=30)),
)


@given(requests)
def test_request_round_trip(request: bt.Request) -> None:
    # A connection id may happen to be the protocol's magic number only in a connect request.
    assert type(request).decode(request.encode()) == request
    assert bt.decode_request(request.encode()) == request


@given(answers)
def test_answer_round_trip(answer: bt.Answer) -> None:
    assert bt.decode_answer(answer.encode()) == answer


DECODERS: list[Callable[[bytes], object]] = [
    bt.decode_request, bt.decode_answer, bt.ConnectRequest.decode, bt.ConnectResponse.decode,
    bt.AnnounceRequest.decode, bt.AnnounceAnswer.decode, bt.ScrapeRequest.decode, bt.ScrapeAnswer.decode,
    bt.ErrorAnswer.decode,
]  # fmt: skip


@given(st.binary(max_size=120), st.integers(0, 4))
def test_hostile_packets_raise_only_packet_errors(data: bytes, action: int) -> None:
    for decode in DECODERS:
        for packet in (data, struct.pack(">I", action) + data, struct.pack(">QI", bt.PROTOCOL_ID, action) + data):
            with contextlib.suppress(bt.PacketError):
                decode(packet)


@given(requests | answers.filter(lambda answer: isinstance(answer, bt.ConnectResponse)), st.data())
def test_truncated_packets_are_refused(packet: bt.Request | bt.Answer, data: st.DataObject) -> None:
    whole = packet.encode()
    short = whole[: data.draw(st.integers(0, len(whole) - 1))]
    if isinstance(packet, bt.ScrapeRequest) and len(short) > 16 and len(short) % 20 == 16:
        return  # a shorter list of info-hashes is a valid scrape
    with pytest.raises(bt.PacketError):
        type(packet).decode(short)


def test_the_bytes_on_the_wire_are_those_of_bep_15() -> None:
    assert bt.ConnectRequest(7).encode() == bytes.fromhex("00000417271019800000000000000007")
    raw = bt.AnnounceRequest(1, 2, b"h" * 20, b"p" * 20, 6881, "started", 5, 4, 3, 0, 9).encode()
    assert len(raw) == 98
    assert raw[8:16] == bytes.fromhex("0000000100000002")
    assert raw[56:80] == struct.pack(">qqq", 4, 5, 3)  # downloaded, left, uploaded
    assert raw[80:] == struct.pack(">IIIiH", 2, 0, 9, -1, 6881)


@pytest.mark.parametrize(
    "packet",
    [
        bt.ConnectRequest(1 << 32),
        bt.ConnectResponse(1, -1),
        bt.AnnounceRequest(1, 2, b"short", b"p" * 20, 1),
        bt.AnnounceRequest(1, 2, b"h" * 20, b"p" * 20, 65536),
        bt.AnnounceRequest(1, 2, b"h" * 20, b"p" * 20, 1, "paused"),
        bt.ScrapeRequest(1, 2, ()),
        bt.ScrapeRequest(1, 2, (b"h" * 20,) * 75),
        bt.ScrapeAnswer(1, (bt.ScrapeEntry(1 << 31, 0, 0),)),
        bt.ErrorAnswer(1, "\ud800"),
    ],
)
def test_what_cannot_be_packed(packet: bt.Request | bt.Answer) -> None:
    with pytest.raises(bt.PacketError):
        packet.encode()


# ---------------------------------------------------------------------------------------------------- peers

ports = st.integers(0, 65535)
peers4 = st.lists(st.builds(bt.Peer, st.ip_addresses(v=4).map(str), ports), max_size=6)
peers6 = st.lists(st.builds(bt.Peer, st.ip_addresses(v=6, network="2000::/3").map(str), ports), max_size=6)


@given(peers4)
def test_compact_ipv4_round_trip(peers: list[bt.Peer]) -> None:
    raw = bt.encode_compact_peers(peers, "ipv4")
    assert len(raw) == 6 * len(peers)
    assert list(bt.decode_compact_peers(raw, "ipv4")) == peers


@given(peers6)
def test_compact_ipv6_round_trip(peers: list[bt.Peer]) -> None:
    raw = bt.encode_compact_peers(peers, "ipv6")
    assert len(raw) == 18 * len(peers)
    assert list(bt.decode_compact_peers(raw, "ipv6")) == peers


@given(st.binary(max_size=120), st.sampled_from(["ipv4", "ipv6"]))
def test_hostile_peers_raise_only_packet_errors(data: bytes, family: str) -> None:
    try:
        peers = bt.decode_udp_peers(data, family)
    except bt.PacketError:
        assert len(data) % (6 if family == "ipv4" else 18)
    else:
        assert all(peer.family in ("ipv4", "ipv6") for peer in peers)


@given(st.lists(st.builds(bt.Peer, st.ip_addresses(v=4).map(lambda ip: f"::ffff:{ip}"), ports), min_size=1, max_size=4))
def test_mapped_entries_to_an_ipv4_client_are_recognised(peers: list[bt.Peer]) -> None:
    found = bt.decode_udp_peers(bt.encode_compact_peers(peers, "ipv6"), "ipv4")
    assert list(found) == peers
    assert {peer.family for peer in found} == {"ipv6"}
    assert [f"::ffff:{peer.mapped_ipv4}" for peer in found] == [peer.address for peer in peers]


def test_three_ipv4_entries_are_not_taken_for_one_ipv6_entry() -> None:
    peers = [bt.Peer(f"10.0.0.{number}", number) for number in (1, 2, 3)]
    assert list(bt.decode_udp_peers(bt.encode_compact_peers(peers, "ipv4"), "ipv4")) == peers


# ---------------------------------------------------------------------------------------------------- HTTP bodies


@given(st.binary(max_size=80) | values.map(bt.bencode))
def test_hostile_bodies_raise_only_tracker_errors(body: bytes) -> None:
    with contextlib.suppress(bt.TrackerError):
        bt.parse_announce(body)
    with contextlib.suppress(bt.TrackerError):
        bt.parse_scrape(body, [HASH])


ANNOUNCE_KEYS = ["interval", "min interval", "complete", "incomplete", "peers", "peers6", "failure reason",
                 "warning message", "files", HASH]  # fmt: skip
nearly = st.dictionaries(st.sampled_from(ANNOUNCE_KEYS), values, max_size=6)
dict_peers = st.lists(st.dictionaries(st.sampled_from([b"ip", b"port", b"peer id"]), values), max_size=3)


@given(nearly, dict_peers)
def test_nearly_right_bodies_raise_only_tracker_errors(body: dict[object, object], peers: list[object]) -> None:
    for raw in (bt.bencode(body), bt.bencode({"interval": 1, "peers": peers}), bt.bencode({"files": body})):
        with contextlib.suppress(bt.TrackerError):
            bt.parse_announce(raw)
        with contextlib.suppress(bt.TrackerError):
            bt.parse_scrape(raw, [HASH])


def test_announce_bodies() -> None:
    body = {"interval": 60, "min interval": 30, "complete": 2, "incomplete": 1, "warning message": "slow\x1b[0m",
            "peers": bytes([10, 0, 0, 5, 0x1A, 0xE1]), "peers6": bytes(15) + b"\x01\x00\x50"}  # fmt: skip
    answer = bt.parse_announce(bt.bencode(body))
    assert (answer.interval, answer.min_interval, answer.seeders, answer.leechers) == (60, 30, 2, 1)
    assert answer.peers == (bt.Peer("10.0.0.5", 6881), bt.Peer("::1", 80))
    assert answer.warning == "slow [0m"
    named = {"interval": 60, "peers": [{"ip": "FD00::5", "port": 1, "peer id": b"p" * 20}, {"ip": "a.b", "port": 2}]}
    answer = bt.parse_announce(bt.bencode(named))
    assert answer.peers == (bt.Peer("fd00::5", 1, b"p" * 20), bt.Peer("a.b", 2))
    assert [peer.family for peer in answer.peers] == ["ipv6", "name"]
    assert answer.seeders is None


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b"", bt.NotATrackerError, "starts with 'nothing'"),
        (b"<html>", bt.NotATrackerError, "<html>"),
        (b"i1e", bt.NotATrackerError, "no dictionary"),
        (b"d8:intervali60e5:pee", bt.MalformedAnswerError, "malformed bencode"),
        (b"de", bt.MalformedAnswerError, "no interval"),
        (bt.bencode({"interval": 1}), bt.MalformedAnswerError, "no peers"),
        (bt.bencode({"interval": -1, "peers": ""}), bt.MalformedAnswerError, "interval"),
        (bt.bencode({"interval": 1, "peers": "12345"}), bt.MalformedAnswerError, "multiple of 6"),
        (bt.bencode({"interval": 1, "peers": 5}), bt.MalformedAnswerError, "neither"),
        (bt.bencode({"interval": 1, "peers": [{"ip": "::1"}]}), bt.MalformedAnswerError, "ip and port"),
        (bt.bencode({"failure reason": "go away"}), bt.TrackerFailureError, "go away"),
        (bt.bencode({"failure reason": ["x"]}), bt.TrackerFailureError, "x"),
    ],
)
def test_wrong_announce_bodies(body: bytes, error: type[bt.TrackerError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        bt.parse_announce(body)
    assert caught.type is error


def test_scrape_bodies() -> None:
    body = bt.bencode({"files": {HASH: {"complete": 3, "downloaded": 2, "incomplete": 1}}})
    assert bt.parse_scrape(body, [HASH, b"x" * 20]) == {
        HASH: bt.ScrapeEntry(3, 2, 1), b"x" * 20: bt.ScrapeEntry(0, 0, 0)}  # fmt: skip


# ---------------------------------------------------------------------------------------------------- URLs


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://[fd00::5]:7070/announce", ("http", "fd00::5", 7070, "/announce", "")),
        ("http://Tracker.example/announce?a=b", ("http", "tracker.example", 80, "/announce", "a=b")),
        ("https://[::1]", ("https", "::1", 443, "/", "")),
        ("udp://10.0.0.5:6969", ("udp", "10.0.0.5", 6969, "/", "")),
    ],
)
def test_urls(url: str, parts: tuple[object, ...]) -> None:
    parsed = bt.parse_url(url)
    assert (parsed.scheme, parsed.host, parsed.port, parsed.path, parsed.query) == parts


@pytest.mark.parametrize(
    "url", ["", "tracker", "ftp://a/b", "http://[::1/announce", "http://a:99999/", "http://a:x/", "udp://a/", "http://",
            "http://a/b c", "http://a/é"],
)  # fmt: skip
def test_wrong_urls(url: str) -> None:
    with pytest.raises(bt.BadRequestError):
        bt.parse_url(url)


@given(hash20, hash20)
def test_announce_targets_carry_raw_bytes(info_hash: bytes, peer_id: bytes) -> None:
    target = bt.announce_target(bt.parse_url("http://a/announce?pass=x"), bt.Announce(info_hash, peer_id, 6881))
    assert target.startswith("/announce?pass=x&info_hash=")
    fields = dict(pair.split("=") for pair in target.partition("?")[2].split("&"))
    for key, raw in (("info_hash", info_hash), ("peer_id", peer_id)):
        text = fields[key]
        assert text.isascii()
        assert bytes.fromhex("".join(_hex_of_percent(text))) == raw
    assert (fields["compact"], fields["event"], fields["left"]) == ("1", "started", "0")
    assert "numwant" not in fields


def _hex_of_percent(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        size = 3 if text[at] == "%" else 1
        yield text[at + 1 : at + 3] if size == 3 else f"{ord(text[at]):02x}"
        at += size


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/announce", "/scrape"),
        ("/x/announce.php", "/x/scrape.php"),
        ("/announce/KEY", "/scrape/KEY"),
        ("/announce/announce", "/announce/scrape"),
    ],
)
def test_scrape_targets(path: str, expected: str) -> None:
    target = bt.scrape_target(bt.parse_url(f"http://a{path}"), [b"a" * 20, b"b" * 20])
    assert target == f"{expected}?info_hash={'a' * 20}&info_hash={'b' * 20}"


def test_what_cannot_be_scraped() -> None:
    with pytest.raises(bt.BadRequestError, match="announce"):
        bt.scrape_target(bt.parse_url("http://a/a"), [HASH])


# ---------------------------------------------------------------------------------------------------- UDP client


def udp(tracker: FakeUdpTracker, **options: object) -> bt.UdpTracker:
    return bt.UdpTracker(tracker.address, tracker.port, timeout=TIMEOUT, **options)  # type: ignore[arg-type]


def announce(event: str = "started", left: int = 0) -> bt.Announce:
    return bt.Announce(HASH, bt.random_peer_id(), 6881, event, left)


@FAMILIES
def test_udp_session(family: str) -> None:
    with FakeUdpTracker(family=family) as tracker, udp(tracker) as first, udp(tracker) as second:
        assert first.announce(announce()).peers == ()
        answer = second.announce(announce(left=1))
        assert answer.peers == (bt.Peer(LOOPBACK[family], 6881),)
        assert (answer.seeders, answer.leechers, answer.interval) == (1, 1, 120)
        assert second.scrape([HASH, bytes(20)]) == {HASH: bt.ScrapeEntry(1, 0, 1), bytes(20): bt.ScrapeEntry(0, 0, 0)}
        assert first.local_address == first.remote_address == LOOPBACK[family]
    assert tracker.connects == 2  # the scrape used the connection id again
    assert tracker.bad_connection_ids == 0


def test_a_connection_id_is_renewed_before_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeUdpTracker() as tracker, udp(tracker) as client:
        client.scrape([HASH])
        client.scrape([HASH])
        assert tracker.connects == 1
        monkeypatch.setattr(client, "_connected_at", time.monotonic() - bt.CONNECTION_ID_LIFETIME + TIMEOUT / 2)
        client.scrape([HASH])
        assert tracker.connects == 2
        client.close()  # and never carried over to another socket
        client.scrape([HASH])
        assert tracker.connects == 3
    assert tracker.bad_connection_ids == 0


def test_lost_packets_are_sent_again() -> None:
    class Lossy(FakeUdpTracker):
        lost = 0

        def answers(self, data: bytes, client: tuple[str, int]) -> list[bytes]:
            self.lost += 1
            return super().answers(data, client) if self.lost % 2 == 0 else []

    with Lossy() as tracker, udp(tracker) as client:
        assert client.announce(announce()).interval == 120
    assert tracker.lost == 4


def test_answers_to_other_questions_are_ignored() -> None:
    class Noisy(FakeUdpTracker):
        def answers(self, data: bytes, client: tuple[str, int]) -> list[bytes]:
            tid = bt.decode_request(data).transaction_id
            stale = bt.ErrorAnswer(tid ^ 5, "an old error").encode()
            return [b"", b"noise", b"\x00" * 3, stale, *super().answers(data, client)]

    with Noisy() as tracker, udp(tracker) as client:
        assert client.announce(announce()).interval == 120


@pytest.mark.parametrize(
    ("mode", "error", "code"),
    [
        ("silent", bt.ConnectTimeoutError, "connect_timeout"),
        ("mute_announce", bt.AnswerTimeoutError, "answer_timeout"),
        ("wrong_transaction", bt.WrongTransactionError, "wrong_transaction"),
        ("truncated", bt.MalformedAnswerError, "malformed"),
        ("garbage", bt.NotATrackerError, "not_a_tracker"),
        ("failure", bt.TrackerFailureError, "failure"),
    ],
)
def test_udp_errors(mode: str, error: type[bt.TrackerError], code: str) -> None:
    with FakeUdpTracker(mode) as tracker, udp(tracker) as client:
        started = time.monotonic()
        with pytest.raises(error) as caught:
            client.announce(announce())
        assert time.monotonic() - started < TIMEOUT + 0.2
    assert caught.type is error
    assert caught.value.code == code
    assert str(tracker.port) in str(caught.value)


@FAMILIES
def test_udp_refused_surfaces_at_once(family: str) -> None:
    with bt.UdpTracker(LOOPBACK[family], closed_port("udp", family), timeout=5) as client:
        started = time.monotonic()
        with pytest.raises(bt.RefusedError):
            client.announce(announce())
        assert time.monotonic() - started < 1


@given(st.binary(max_size=100), st.booleans())
def test_hostile_datagrams_raise_only_tracker_errors(data: bytes, ours: bool) -> None:
    with contextlib.suppress(bt.TrackerError):
        bt.UdpTracker._accept(data, "announce", bt.AnnounceAnswer, "x")
    assert bt._judge(data, 0) in ("ours", "stranger", "noise")


def test_ipv4_entries_to_an_ipv6_client_are_malformed() -> None:
    class Wrong(FakeUdpTracker):
        def answers(self, data: bytes, client: tuple[str, int]) -> list[bytes]:
            request = bt.decode_request(data)
            if isinstance(request, bt.AnnounceRequest):
                return [bt.AnnounceAnswer(request.transaction_id, 1, 1, 1, b"123456").encode()]
            return super().answers(data, client)

    words = "multiple of 18"
    with Wrong(family="ipv6") as tracker, udp(tracker) as client, pytest.raises(bt.MalformedAnswerError, match=words):
        client.announce(announce())


def test_udp_arguments() -> None:
    with pytest.raises(bt.BadRequestError, match="timeout"):
        bt.UdpTracker("127.0.0.1", 1, timeout=0)
    with FakeUdpTracker() as tracker, udp(tracker) as client, pytest.raises(bt.BadRequestError, match="per scrape"):
        client.scrape([])
    for wrong in ({"info_hash": b"x"}, {"port": 0}, {"event": "paused"}):
        with pytest.raises(bt.BadRequestError):
            bt.Announce(**{"info_hash": HASH, "peer_id": HASH, "port": 1, **wrong})  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------- HTTP client


@FAMILIES
@pytest.mark.parametrize("compact", [True, False])
def test_http_session(family: str, compact: bool) -> None:
    with FakeHttpTracker(family=family) as tracker:
        client = bt.HttpTracker(tracker.url, timeout=TIMEOUT, compact=compact)
        client.announce(announce())
        answer = client.announce(announce(left=1))
        assert [(peer.address, peer.port) for peer in answer.peers] == [(LOOPBACK[family], 6881)]
        assert (answer.peers[0].peer_id is None) is compact
        assert (answer.interval, answer.min_interval, answer.seeders, answer.leechers) == (120, 120, 1, 1)
        assert client.scrape([HASH]) == {HASH: bt.ScrapeEntry(1, 0, 1)}
        assert client.local_address == client.remote_address == LOOPBACK[family]
    assert f"Host: {bt.join_host_port(LOOPBACK[family], tracker.port)}\r\n" in tracker.requests[0]


def test_http_pinned_address_keeps_the_name() -> None:
    with FakeHttpTracker() as tracker:
        client = bt.HttpTracker("http://tracker.invalid/announce", address="127.0.0.1", port=tracker.port)
        assert client.announce(announce()).interval == 120
    assert "Host: tracker.invalid\r\n" in tracker.requests[0]


@pytest.mark.parametrize(
    ("mode", "error", "code"),
    [
        ("silent", bt.AnswerTimeoutError, "answer_timeout"),
        ("drip", bt.AnswerTimeoutError, "answer_timeout"),
        ("drip_headers", bt.AnswerTimeoutError, "answer_timeout"),
        ("huge", bt.NotATrackerError, "not_a_tracker"),
        ("closes", bt.ClosedError, "closed"),
        ("html", bt.NotATrackerError, "not_a_tracker"),
        ("malformed", bt.MalformedAnswerError, "malformed"),
        ("http_500", bt.HttpStatusError, "http_status"),
        ("failure", bt.TrackerFailureError, "failure"),
    ],
)
def test_http_errors(mode: str, error: type[bt.TrackerError], code: str) -> None:
    with FakeHttpTracker(mode) as tracker:
        started = time.monotonic()
        with pytest.raises(error) as caught:
            bt.HttpTracker(tracker.url, timeout=TIMEOUT).announce(announce())
        assert time.monotonic() - started < TIMEOUT + 0.3
    assert caught.type is error
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", bt.ClosedError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nd8:", bt.ClosedError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", bt.TrackerError),
        (b"SSH-2.0-OpenSSH_9.2\r\n", bt.NotATrackerError),
        (b"\x00\xff\r\n\r\n", bt.NotATrackerError),
        (b"HTTP/1.1 999999 OK\r\n\r\n", bt.NotATrackerError),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", bt.NotATrackerError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n", bt.NotATrackerError),
        (b"HTTP/1.1 301 Moved\r\nLocation: https://a/\r\nContent-Length: 0\r\n\r\n", bt.HttpStatusError),
    ],
)
def test_hostile_http(raw: bytes, error: type[bt.TrackerError]) -> None:
    class Raw(FakeHttpTracker):
        def _response(self, target: str, client: str) -> bytes:
            return raw

    with Raw() as tracker, pytest.raises(error):
        bt.HttpTracker(tracker.url, timeout=TIMEOUT).announce(announce())


@given(st.binary(max_size=60), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]))
def test_any_bytes_over_http_raise_only_tracker_errors(hostile_http: bytes, start: bytes) -> None:
    class Raw(FakeHttpTracker):
        def _response(self, target: str, client: str) -> bytes:
            return start + hostile_http

    with Raw() as tracker, contextlib.suppress(bt.TrackerError):
        bt.HttpTracker(tracker.url, timeout=TIMEOUT).announce(announce())


def test_http_refused() -> None:
    port = closed_port("http", "ipv4")
    with pytest.raises(bt.RefusedError):
        bt.HttpTracker(f"http://127.0.0.1:{port}/announce", timeout=TIMEOUT).announce(announce())


def test_tls_to_a_plain_port_is_a_tls_error() -> None:
    class Plain(FakeHttpTracker):
        def _serve(self, sock: socket.socket, client: str) -> None:
            sock.recv(100)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Plain() as tracker, pytest.raises(bt.TlsError, match="handshake"):
        bt.HttpTracker(f"https://localhost:{tracker.port}/announce", address="127.0.0.1").announce(announce())


# ---------------------------------------------------------------------------------------------------- the network


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ECONNREFUSED, bt.RefusedError),
        (errno.EHOSTUNREACH, bt.UnreachableError),
        (errno.ENETUNREACH, bt.UnreachableError),
        (errno.EPERM, bt.ForbiddenError),
        (errno.ECONNRESET, bt.ClosedError),
        (errno.ETIMEDOUT, bt.ConnectTimeoutError),
        (errno.EIO, bt.TrackerError),
    ],
)
def test_what_the_kernel_says(number: int, error: type[bt.TrackerError]) -> None:
    with pytest.raises(bt.TrackerError) as caught:
        bt._raise_for_os_error(OSError(number, "because"), "here")
    assert caught.type is error


def test_a_family_that_cannot_be_bound_is_no_route() -> None:
    endpoint = bt.resolve("127.0.0.1", 1)[0]
    assert bt.local_address_towards(endpoint) == "127.0.0.1"
    with pytest.raises(bt.NoRouteError, match="from 192.0.2.7"):
        bt.local_address_towards(endpoint, "192.0.2.7")


def test_literals_of_the_other_family_do_not_resolve() -> None:
    with pytest.raises(bt.NameResolutionError, match="no IPv6 address"):
        bt.resolve("127.0.0.1", 1, "ipv6")


def test_a_resolver_that_hangs_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*_args: object) -> list[object]:
        released.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = time.monotonic()
    try:
        with pytest.raises(bt.NameResolutionError, match="no answer"):
            bt.resolve("tracker.example", 1, timeout=0.05)
        assert time.monotonic() - started < 5
    finally:
        released.set()


def test_foreign_text_is_made_printable() -> None:
    assert bt.printable(b"a\x1b[31m\n\xff b") == "a [31m \ufffd b"
    assert len(bt.printable("x" * 1000)) == 200
