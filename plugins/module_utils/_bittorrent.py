# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small BitTorrent tracker client: bencode, BEP 15 packets, UDP and HTTP announce and scrape.

It exists to ask a tracker what a real client would ask, and to say precisely what went wrong when it does not get a
proper answer. It carries no torrents: it only talks to trackers.

Standards: BEP 3 (bencode, HTTP announce), BEP 7 (``peers6``), BEP 15 (UDP), BEP 23 (compact peers), BEP 48 (scrape).

Errors: the codecs raise only :class:`BencodeError` and :class:`PacketError`; the clients raise only
:class:`TrackerError` and its subclasses, whatever the other side sends. Times are seconds, ports host byte order,
info-hashes and peer ids are 20 raw bytes, addresses are text.

Runs on Python 3.9 with the standard library alone.
"""

from __future__ import annotations

import errno
import http.client
import io
import ipaddress
import queue
import secrets
import socket
import ssl
import struct
import threading
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, Union, cast

# --------------------------------------------------------------------------------------------------------------------
# Bencode (BEP 3)
# --------------------------------------------------------------------------------------------------------------------

MAX_BENCODE_SIZE = 1 << 20
MAX_BENCODE_DEPTH = 32
# Integers on the wire of a tracker are counts, seconds and ports: 64 bits are plenty, and a bound keeps a hostile
# answer from costing quadratic time in int().
_MIN_INT = -(1 << 63)
_MAX_INT = (1 << 64) - 1
_MAX_INT_DIGITS = 20
_MAX_LENGTH_DIGITS = 10

BValue = Union[int, bytes, list["BValue"], dict[bytes, "BValue"]]


class BencodeError(ValueError):
    """The bytes are not canonical bencode within the limits, or the value cannot be bencoded."""


def bencode(value: object) -> bytes:
    """Encode an int, bytes, str (as UTF-8), list, tuple, or dict with bytes or str keys.

    Raises BencodeError for any other type, integers beyond 64 bits, and nesting deeper than the decoder accepts.
    """
    out: list[bytes] = []
    _encode_into(value, out, 0)
    return b"".join(out)


def _encode_into(value: object, out: list[bytes], depth: int) -> None:
    if depth > MAX_BENCODE_DEPTH:
        raise BencodeError(f"nested deeper than {MAX_BENCODE_DEPTH}")
    if isinstance(value, bool):
        raise BencodeError("bencode has no booleans")
    if isinstance(value, int):
        if not _MIN_INT <= value <= _MAX_INT:
            raise BencodeError("integer does not fit in 64 bits")
        out.append(b"i%de" % value)
    elif isinstance(value, (bytes, str)):
        raw = _as_bytes(value)
        out.append(b"%d:" % len(raw))
        out.append(raw)
    elif isinstance(value, (list, tuple)):
        out.append(b"l")
        for item in value:
            _encode_into(item, out, depth + 1)
        out.append(b"e")
    elif isinstance(value, dict):
        items = [(_as_bytes(key), item) for key, item in value.items()]
        if len({key for key, _item in items}) != len(items):
            raise BencodeError("the same key twice, once as text and once as bytes")
        out.append(b"d")
        for key, item in sorted(items, key=lambda pair: pair[0]):
            out.append(b"%d:" % len(key))
            out.append(key)
            _encode_into(item, out, depth + 1)
        out.append(b"e")
    else:
        raise BencodeError(f"{type(value).__name__} cannot be bencoded")


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError:
            raise BencodeError("text that is not valid Unicode") from None
    raise BencodeError(f"dictionary key of type {type(value).__name__}")


def bdecode(data: bytes, *, max_size: int = MAX_BENCODE_SIZE, max_depth: int = MAX_BENCODE_DEPTH) -> BValue:
    """Decode exactly one canonical bencoded value. Strings stay bytes. Raises BencodeError only.

    Canonical: no leading zeros, no minus zero, dictionary keys sorted and unique, nothing behind the value.
    """
    if len(data) > max_size:
        raise BencodeError(f"{len(data)} bytes: more than {max_size}")
    value, end = _decode_at(data, 0, max_depth)
    if end != len(data):
        raise BencodeError(f"{len(data) - end} bytes behind the value")
    return value


def _decode_at(data: bytes, at: int, depth: int) -> tuple[BValue, int]:
    head = data[at : at + 1]
    if head.isdigit():
        return _decode_string(data, at)
    if head == b"i":
        return _decode_int(data, at)
    if head in (b"l", b"d") and depth <= 0:
        raise BencodeError(f"nested too deeply at byte {at}")
    if head == b"l":
        return _decode_list(data, at + 1, depth - 1)
    if head == b"d":
        return _decode_dict(data, at + 1, depth - 1)
    raise BencodeError(f"ends too early at byte {at}" if not head else f"no value starts with {head!r} (byte {at})")


def _decode_list(data: bytes, at: int, depth: int) -> tuple[BValue, int]:
    items: list[BValue] = []
    while data[at : at + 1] != b"e":
        item, at = _decode_at(data, at, depth)
        items.append(item)
    return items, at + 1


def _decode_dict(data: bytes, at: int, depth: int) -> tuple[BValue, int]:
    mapping: dict[bytes, BValue] = {}
    previous: bytes | None = None
    while data[at : at + 1] != b"e":
        if not data[at : at + 1].isdigit():
            raise BencodeError(f"dictionary key at byte {at} is not a string")
        key, at = _decode_string(data, at)
        if previous is not None and key <= previous:
            raise BencodeError(f"dictionary keys not sorted or not unique before byte {at}")
        previous = key
        mapping[key], at = _decode_at(data, at, depth)
    return mapping, at + 1


def _decode_string(data: bytes, at: int) -> tuple[bytes, int]:
    colon = data.find(b":", at, at + _MAX_LENGTH_DIGITS + 1)
    digits = data[at:colon] if colon > 0 else b""
    if not digits.isdigit() or (len(digits) > 1 and digits.startswith(b"0")):
        raise BencodeError(f"malformed string length at byte {at}")
    start, end = colon + 1, colon + 1 + int(digits)
    if end > len(data):
        raise BencodeError(f"string at byte {at} is longer than the data")
    return data[start:end], end


def _decode_int(data: bytes, at: int) -> tuple[int, int]:
    end = data.find(b"e", at + 1, at + _MAX_INT_DIGITS + 3)
    digits = data[at + 1 : end] if end > 0 else b""
    bare = digits[1:] if digits.startswith(b"-") else digits
    if not bare.isdigit() or (bare.startswith(b"0") and digits != b"0"):
        raise BencodeError(f"malformed integer at byte {at}")
    value = int(digits)
    if not _MIN_INT <= value <= _MAX_INT:
        raise BencodeError(f"integer at byte {at} does not fit in 64 bits")
    return value, end + 1


# --------------------------------------------------------------------------------------------------------------------
# Peers (BEP 23 and BEP 7)
# --------------------------------------------------------------------------------------------------------------------

FAMILIES: dict[str, int] = {"any": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
_ENTRY_SIZE = {"ipv4": 6, "ipv6": 18}
_MAPPED_PREFIX = bytes(10) + b"\xff\xff"


class PacketError(ValueError):
    """The bytes are not the BEP 15 packet or the compact peer list they should be, or cannot be made into one."""


@dataclass(frozen=True)
class Peer:
    """One peer as a tracker named it. ``peer_id`` only where the tracker gave one (dictionary model)."""

    address: str
    port: int
    peer_id: bytes | None = None

    @property
    def family(self) -> str:
        """The form in which the peer was given: ``ipv4``, ``ipv6`` (also IPv4-mapped ones), or ``name``."""
        try:
            return "ipv4" if ipaddress.ip_address(self.address).version == 4 else "ipv6"
        except ValueError:
            return "name"

    @property
    def mapped_ipv4(self) -> str | None:
        """``a.b.c.d`` if the peer was given as ``::ffff:a.b.c.d``, else None."""
        try:
            mapped = getattr(ipaddress.ip_address(self.address), "ipv4_mapped", None)
        except ValueError:
            return None
        return None if mapped is None else str(mapped)


def decode_compact_peers(data: bytes, family: str) -> tuple[Peer, ...]:
    """Decode 6-byte (``ipv4``) or 18-byte (``ipv6``) entries. Raises PacketError."""
    size = _ENTRY_SIZE[family]
    if len(data) % size:
        raise PacketError(f"a peer list of {len(data)} bytes is no multiple of {size} ({family} entries)")
    peers = []
    for at in range(0, len(data), size):
        host, port = (data[at : at + size - 2], int.from_bytes(data[at + size - 2 : at + size], "big"))
        address = ipaddress.IPv4Address(host) if family == "ipv4" else ipaddress.IPv6Address(host)
        peers.append(Peer(_address_text(address), port))
    return tuple(peers)


def encode_compact_peers(peers: Sequence[Peer], family: str) -> bytes:
    """Encode peers whose addresses are all of that family. Raises PacketError."""
    kind: type[Any] = ipaddress.IPv4Address if family == "ipv4" else ipaddress.IPv6Address
    out = bytearray()
    for peer in peers:
        try:
            out += kind(peer.address).packed + peer.port.to_bytes(2, "big")
        except (ValueError, OverflowError) as error:
            raise PacketError(f"{peer.address}:{peer.port} is no {family} peer: {error}") from None
    return bytes(out)


def decode_udp_peers(data: bytes, family: str) -> tuple[Peer, ...]:
    """Decode the peers of a UDP announce answer as received over ``family``. Raises PacketError.

    BEP 15 fixes the entry size by the family of the socket. Some trackers on a dual-stack socket send IPv4 clients
    18-byte entries with IPv4-mapped addresses. Three 6-byte entries have the same length, so these are recognised by
    their prefix (ten zero bytes would be the unusable peers 0.0.0.0:0) and returned as they are: ``::ffff:a.b.c.d``.
    """
    entries = [data[at : at + 18] for at in range(0, len(data), 18)]
    if family == "ipv4" and entries and all(len(e) == 18 and e.startswith(_MAPPED_PREFIX) for e in entries):
        return decode_compact_peers(data, "ipv6")
    return decode_compact_peers(data, family)


def _address_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    # Python versions differ in how they write IPv4-mapped addresses (::ffff:a00:5 or ::ffff:10.0.0.5).
    mapped = getattr(address, "ipv4_mapped", None)
    return f"::ffff:{mapped}" if mapped is not None else str(address)


# --------------------------------------------------------------------------------------------------------------------
# UDP packets (BEP 15)
# --------------------------------------------------------------------------------------------------------------------

PROTOCOL_ID = 0x41727101980
ACTION_CONNECT, ACTION_ANNOUNCE, ACTION_SCRAPE, ACTION_ERROR = 0, 1, 2, 3
EVENTS: dict[str, int] = {"none": 0, "completed": 1, "started": 2, "stopped": 3}
_EVENT_NAMES = {number: name for name, number in EVENTS.items()}
MAX_SCRAPE_HASHES = 74  # BEP 15: about as many as fit in one packet


def _pack(layout: str, *fields: object) -> bytes:
    try:
        return struct.pack(layout, *fields)
    except (struct.error, OverflowError) as error:
        raise PacketError(f"a field is out of range: {error}") from None


def _unpack(layout: str, data: bytes, what: str) -> tuple[Any, ...]:
    size = struct.calcsize(layout)
    if len(data) < size:
        raise PacketError(f"{what} of {len(data)} bytes: at least {size} expected")
    return struct.unpack_from(layout, data)


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise PacketError(message)


@dataclass(frozen=True)
class ConnectRequest:
    transaction_id: int

    def encode(self) -> bytes:
        return _pack(">qII", PROTOCOL_ID, ACTION_CONNECT, self.transaction_id)

    @classmethod
    def decode(cls, data: bytes) -> ConnectRequest:
        magic, action, transaction_id = _unpack(">qII", data, "connect request")
        _expect(magic == PROTOCOL_ID and action == ACTION_CONNECT, "not a connect request")
        return cls(transaction_id)


@dataclass(frozen=True)
class ConnectResponse:
    transaction_id: int
    connection_id: int

    def encode(self) -> bytes:
        return _pack(">IIQ", ACTION_CONNECT, self.transaction_id, self.connection_id)

    @classmethod
    def decode(cls, data: bytes) -> ConnectResponse:
        action, transaction_id, connection_id = _unpack(">IIQ", data, "connect answer")
        _expect(action == ACTION_CONNECT, "not a connect answer")
        return cls(transaction_id, connection_id)


@dataclass(frozen=True)
class AnnounceRequest:
    connection_id: int
    transaction_id: int
    info_hash: bytes
    peer_id: bytes
    port: int
    event: str = "none"
    left: int = 0
    downloaded: int = 0
    uploaded: int = 0
    ip: int = 0
    key: int = 0
    num_want: int = -1

    _LAYOUT: ClassVar[str] = ">QII20s20sqqqIIIiH"

    def encode(self) -> bytes:
        _expect(len(self.info_hash) == 20 and len(self.peer_id) == 20, "info-hash and peer id are 20 bytes")
        _expect(self.event in EVENTS, f"unknown event {self.event!r}")
        return _pack(
            self._LAYOUT, self.connection_id, ACTION_ANNOUNCE, self.transaction_id, self.info_hash, self.peer_id,
            self.downloaded, self.left, self.uploaded, EVENTS[self.event], self.ip, self.key, self.num_want, self.port,
        )  # fmt: skip

    @classmethod
    def decode(cls, data: bytes) -> AnnounceRequest:
        (connection_id, action, transaction_id, info_hash, peer_id, downloaded, left, uploaded, event, ip, key,
         num_want, port) = _unpack(cls._LAYOUT, data, "announce request")  # fmt: skip
        _expect(action == ACTION_ANNOUNCE, "not an announce request")
        _expect(event in _EVENT_NAMES, f"unknown event {event}")
        return cls(connection_id, transaction_id, info_hash, peer_id, port, _EVENT_NAMES[event], left, downloaded,
                   uploaded, ip, key, num_want)  # fmt: skip


@dataclass(frozen=True)
class AnnounceAnswer:
    """``peers`` are the raw entries: their size depends on the family of the socket, see decode_udp_peers."""

    transaction_id: int
    interval: int
    leechers: int
    seeders: int
    peers: bytes = b""

    def encode(self) -> bytes:
        numbers = _pack(">IIiii", ACTION_ANNOUNCE, self.transaction_id, self.interval, self.leechers, self.seeders)
        return numbers + self.peers

    @classmethod
    def decode(cls, data: bytes) -> AnnounceAnswer:
        action, transaction_id, interval, leechers, seeders = _unpack(">IIiii", data, "announce answer")
        _expect(action == ACTION_ANNOUNCE, "not an announce answer")
        _expect(min(interval, leechers, seeders) >= 0, "a negative interval or count")
        return cls(transaction_id, interval, leechers, seeders, data[20:])


@dataclass(frozen=True)
class ScrapeRequest:
    connection_id: int
    transaction_id: int
    info_hashes: tuple[bytes, ...]

    def encode(self) -> bytes:
        _expect(1 <= len(self.info_hashes) <= MAX_SCRAPE_HASHES, f"1 to {MAX_SCRAPE_HASHES} info-hashes per scrape")
        _expect(all(len(info_hash) == 20 for info_hash in self.info_hashes), "an info-hash is 20 bytes")
        head = _pack(">QII", self.connection_id, ACTION_SCRAPE, self.transaction_id)
        return head + b"".join(self.info_hashes)

    @classmethod
    def decode(cls, data: bytes) -> ScrapeRequest:
        connection_id, action, transaction_id = _unpack(">QII", data, "scrape request")
        _expect(action == ACTION_SCRAPE, "not a scrape request")
        body = data[16:]
        _expect(0 < len(body) <= 20 * MAX_SCRAPE_HASHES and len(body) % 20 == 0, f"info-hashes of {len(body)} bytes")
        return cls(connection_id, transaction_id, tuple(body[at : at + 20] for at in range(0, len(body), 20)))


@dataclass(frozen=True)
class ScrapeEntry:
    """The counts of one swarm; ``completed`` is how often it was downloaded."""

    seeders: int
    completed: int
    leechers: int


@dataclass(frozen=True)
class ScrapeAnswer:
    transaction_id: int
    entries: tuple[ScrapeEntry, ...]

    def encode(self) -> bytes:
        body = [_pack(">iii", entry.seeders, entry.completed, entry.leechers) for entry in self.entries]
        return _pack(">II", ACTION_SCRAPE, self.transaction_id) + b"".join(body)

    @classmethod
    def decode(cls, data: bytes) -> ScrapeAnswer:
        action, transaction_id = _unpack(">II", data, "scrape answer")
        _expect(action == ACTION_SCRAPE, "not a scrape answer")
        _expect((len(data) - 8) % 12 == 0, f"scrape entries of {len(data) - 8} bytes")
        entries = tuple(ScrapeEntry(*numbers) for numbers in struct.iter_unpack(">iii", data[8:]))
        _expect(all(min(entry.seeders, entry.completed, entry.leechers) >= 0 for entry in entries), "a negative count")
        return cls(transaction_id, entries)


@dataclass(frozen=True)
class ErrorAnswer:
    transaction_id: int
    message: str

    def encode(self) -> bytes:
        try:
            text = self.message.encode("utf-8")
        except UnicodeEncodeError:
            raise PacketError("text that is not valid Unicode") from None
        return _pack(">II", ACTION_ERROR, self.transaction_id) + text

    @classmethod
    def decode(cls, data: bytes) -> ErrorAnswer:
        action, transaction_id = _unpack(">II", data, "error answer")
        _expect(action == ACTION_ERROR, "not an error answer")
        return cls(transaction_id, data[8:].decode("utf-8", "replace"))


Request = Union[ConnectRequest, AnnounceRequest, ScrapeRequest]
Answer = Union[ConnectResponse, AnnounceAnswer, ScrapeAnswer, ErrorAnswer]
_ANSWERS: dict[int, type[Answer]] = {
    ACTION_CONNECT: ConnectResponse,
    ACTION_ANNOUNCE: AnnounceAnswer,
    ACTION_SCRAPE: ScrapeAnswer,
    ACTION_ERROR: ErrorAnswer,
}


def decode_request(data: bytes) -> Request:
    """Decode what a client sends. Raises PacketError."""
    _first, action, _transaction_id = _unpack(">QII", data, "request")
    if action == ACTION_CONNECT:
        return ConnectRequest.decode(data)
    if action == ACTION_ANNOUNCE:
        return AnnounceRequest.decode(data)
    if action == ACTION_SCRAPE:
        return ScrapeRequest.decode(data)
    raise PacketError(f"unknown action {action}")


def decode_answer(data: bytes) -> Answer:
    """Decode what a tracker sends. Raises PacketError."""
    action, _transaction_id = _unpack(">II", data, "answer")
    if action not in _ANSWERS:
        raise PacketError(f"unknown action {action}")
    return _ANSWERS[action].decode(data)


# --------------------------------------------------------------------------------------------------------------------
# Errors of the clients
# --------------------------------------------------------------------------------------------------------------------


class TrackerError(Exception):
    """A tracker could not be asked, or did not answer properly. ``code`` is stable, the text is for people."""

    code: ClassVar[str] = "tracker"


class BadRequestError(TrackerError):
    """The question itself is wrong: a malformed URL, a scrape of a tracker that cannot be scraped."""

    code: ClassVar[str] = "bad_request"


class NameResolutionError(TrackerError):
    """The name has no address of the wanted family, or the resolver does not answer."""

    code: ClassVar[str] = "dns"


class NoRouteError(TrackerError):
    """This machine itself has no way there: no route, no source address, or the family is off. Nothing was sent."""

    code: ClassVar[str] = "no_route"


class UnreachableError(TrackerError):
    """The network says that the host cannot be reached (ICMP, or no answer to ARP or neighbour discovery)."""

    code: ClassVar[str] = "unreachable"


class ForbiddenError(TrackerError):
    """A filter rejects the packets and says so (EPERM, EACCES, administratively prohibited)."""

    code: ClassVar[str] = "forbidden"


class RefusedError(TrackerError):
    """Nothing listens: ICMP port unreachable, or a TCP reset in answer to the connection attempt."""

    code: ClassVar[str] = "refused"


class NoAnswerError(TrackerError):
    """Time ran out."""

    code: ClassVar[str] = "no_answer"


class ConnectTimeoutError(NoAnswerError):
    """Nothing at all came back."""

    code: ClassVar[str] = "connect_timeout"


class AnswerTimeoutError(NoAnswerError):
    """Something is there (TCP accepted, or a UDP connect was answered) but did not finish answering."""

    code: ClassVar[str] = "answer_timeout"


class ClosedError(TrackerError):
    """The connection was accepted and then closed or reset without a complete answer."""

    code: ClassVar[str] = "closed"


class TlsError(TrackerError):
    """The TLS handshake failed, or the certificate is not valid for the name."""

    code: ClassVar[str] = "tls"


class MalformedAnswerError(TrackerError):
    """The answer is from a tracker by its form, but wrong: truncated, a field missing or of the wrong type."""

    code: ClassVar[str] = "malformed"


class NotATrackerError(MalformedAnswerError):
    """The answer has not the form of a tracker's at all: a web page, noise, an endless body."""

    code: ClassVar[str] = "not_a_tracker"


class WrongTransactionError(TrackerError):
    """Only answers to other questions came."""

    code: ClassVar[str] = "wrong_transaction"


class HttpStatusError(TrackerError):
    """An HTTP status other than 200."""

    code: ClassVar[str] = "http_status"

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TrackerFailureError(TrackerError):
    """The tracker itself says no: ``failure reason`` over HTTP, action 3 over UDP."""

    code: ClassVar[str] = "failure"

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def printable(data: bytes | str, limit: int = 200) -> str:
    """Foreign text made safe for a terminal and a log: one line, no control characters, at most ``limit`` long."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    clean = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * limit]).split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)
_RESET = (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED)


def _raise_for_os_error(error: OSError, where: str) -> NoReturn:
    """Turn what the kernel says about a peer into the one TrackerError that means it."""
    reason = error.strerror or str(error)
    if error.errno == errno.ECONNREFUSED:
        raise RefusedError(f"{where}: connection refused") from error
    if error.errno in _UNREACHABLE:
        raise UnreachableError(f"{where}: {reason}") from error
    if error.errno in (errno.EPERM, errno.EACCES):
        raise ForbiddenError(f"{where}: rejected by a filter ({reason})") from error
    if error.errno in _RESET:
        raise ClosedError(f"{where}: the connection was closed without an answer ({reason})") from error
    if error.errno == errno.ETIMEDOUT:
        raise ConnectTimeoutError(f"{where}: no answer ({reason})") from error
    raise TrackerError(f"{where}: {reason}") from error


# --------------------------------------------------------------------------------------------------------------------
# Addresses and sockets
# --------------------------------------------------------------------------------------------------------------------

# Only since Python 3.10 this is TimeoutError; before, it is an OSError of its own.
_SocketTimeout = socket.timeout
SockAddr = Union[tuple[str, int], tuple[str, int, int, int]]


@dataclass(frozen=True)
class Endpoint:
    """One resolved address: ``family`` is ``ipv4`` or ``ipv6``, ``sockaddr`` what the socket module wants."""

    family: str
    sockaddr: SockAddr

    @property
    def address(self) -> str:
        return self.sockaddr[0]

    def __str__(self) -> str:
        return join_host_port(self.sockaddr[0], self.sockaddr[1])


def join_host_port(host: str, port: int) -> str:
    """``host:port`` with brackets where the host is an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_ip_address(host: str) -> bool:
    """Whether this is a literal address rather than a name; a zone (``fe80::1%eth0``) is allowed."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def resolve(host: str, port: int, family: str = "any", *, timeout: float = 3.0) -> list[Endpoint]:
    """The addresses of a name or literal, in the resolver's order, never empty. Raises NameResolutionError.

    The system's resolver has no timeout of its own that could be set here, so it is asked in a thread that is
    abandoned when the time is over.
    """
    answers: queue.Queue[list[Any] | Exception] = queue.Queue()

    def ask() -> None:
        flags = socket.AI_NUMERICHOST if is_ip_address(host) else 0
        try:
            answers.put(list(socket.getaddrinfo(host, port, FAMILIES[family], socket.SOCK_STREAM, 0, flags)))
        except (OSError, UnicodeError, OverflowError) as error:
            answers.put(error)

    if is_ip_address(host):
        ask()
    else:
        threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    wanted = "" if family == "any" else f" {_FAMILY_WORDS[family]}"
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise NameResolutionError(f"{host}: the resolver gave no answer within {timeout:g} s") from None
    if isinstance(answer, Exception):
        reason = getattr(answer, "strerror", None) or str(answer)
        raise NameResolutionError(f"{host} has no{wanted} address ({reason})") from answer
    kinds = {socket.AF_INET: "ipv4", socket.AF_INET6: "ipv6"}
    found = [Endpoint(kinds[item[0]], cast(SockAddr, item[4])) for item in answer if item[0] in kinds]
    if not found:
        raise NameResolutionError(f"{host} has no{wanted} address")
    return found


_FAMILY_WORDS = {"ipv4": "IPv4", "ipv6": "IPv6"}


def _open_udp(endpoint: Endpoint, bind: str | None) -> socket.socket:
    """A connected UDP socket: the kernel picks route and source, and ICMP errors come back. Sends nothing.

    Raises NoRouteError: at this point only this machine can have objected.
    """
    word = _FAMILY_WORDS[endpoint.family]
    try:
        sock = socket.socket(FAMILIES[endpoint.family], socket.SOCK_DGRAM)
    except OSError as error:
        raise NoRouteError(f"this machine has no {word}: {error.strerror}") from error
    try:
        if bind:
            sock.bind((bind, 0))
        sock.connect(endpoint.sockaddr)
    except OSError as error:
        sock.close()
        source = f" from {bind}" if bind else ""
        reason = error.strerror or str(error)
        raise NoRouteError(f"this machine has no {word} route{source} to {endpoint.address} ({reason})") from error
    return sock


def local_address_towards(endpoint: Endpoint, bind: str | None = None) -> str:
    """The source address this machine would use. Sends nothing. Raises NoRouteError."""
    with _open_udp(endpoint, bind) as sock:
        return cast(str, sock.getsockname()[0])


def _open_tcp(endpoint: Endpoint, bind: str | None, deadline: float) -> socket.socket:
    local_address_towards(endpoint, bind)  # tells "no route here" from "unreachable there"
    sock = socket.socket(FAMILIES[endpoint.family], socket.SOCK_STREAM)
    started = time.monotonic()
    try:
        if bind:
            sock.bind((bind, 0))
        sock.settimeout(_remaining(deadline))
        sock.connect(endpoint.sockaddr)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except _SocketTimeout as error:
        sock.close()
        waited = time.monotonic() - started
        raise ConnectTimeoutError(f"{endpoint}: no answer to a TCP connection within {waited:.1f} s") from error
    except OSError as error:
        sock.close()
        _raise_for_os_error(error, f"{endpoint} (TCP)")
    return sock


def _remaining(deadline: float) -> float:
    """Seconds left; raises the socket's timeout when there are none (0 would mean non-blocking to a socket)."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise _SocketTimeout("timed out")
    return left


# --------------------------------------------------------------------------------------------------------------------
# What is asked and answered, over either protocol
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Announce:
    """One announce. ``event``: ``started``, ``completed``, ``stopped`` or ``none``. ``num_want`` -1: the default."""

    info_hash: bytes
    peer_id: bytes
    port: int
    event: str = "started"
    left: int = 0
    uploaded: int = 0
    downloaded: int = 0
    num_want: int = -1
    key: int = 0

    def __post_init__(self) -> None:
        if len(self.info_hash) != 20 or len(self.peer_id) != 20:
            raise BadRequestError("info-hash and peer id are 20 bytes each")
        if not 0 < self.port < 65536:
            raise BadRequestError(f"port {self.port} is not between 1 and 65535")
        if self.event not in EVENTS:
            raise BadRequestError(f"unknown event {self.event!r}")


@dataclass(frozen=True)
class AnnounceResponse:
    """``seeders`` and ``leechers`` are None where an HTTP tracker does not tell; intervals are seconds."""

    interval: int
    seeders: int | None
    leechers: int | None
    peers: tuple[Peer, ...]
    min_interval: int | None = None
    warning: str | None = None


def random_info_hash() -> bytes:
    """20 random bytes: with 160 bits no real swarm is ever joined by accident."""
    return secrets.token_bytes(20)


def random_peer_id(prefix: bytes = b"-TD0001-") -> bytes:
    """A peer id in the usual form: who we are, then random bytes."""
    return prefix + secrets.token_bytes(20 - len(prefix))


# --------------------------------------------------------------------------------------------------------------------
# UDP client (BEP 15)
# --------------------------------------------------------------------------------------------------------------------

CONNECTION_ID_LIFETIME = 60.0
MAX_UDP_TIMEOUT = 30.0  # so that one request always fits into the life of a fresh connection id
_FIRST_RETRY = 15.0


class UdpTracker:
    """One session with a UDP tracker: one connected socket, hence one source address and port.

    A connection id is only ever one that the tracker gave to this very socket less than 60 seconds ago; trackers ban
    clients that use others. ``timeout`` bounds each request. Within it packets are repeated as BEP 15 says (15 s, then
    twice as long each time), scaled down so that three are sent: nobody waits 15 seconds for a probe.
    """

    def __init__(
        self, address: str, port: int, *, family: str = "any", timeout: float = 3.0, bind: str | None = None
    ) -> None:
        if not 0 < timeout <= MAX_UDP_TIMEOUT:
            raise BadRequestError(f"timeout {timeout:g} s is not between 0 and {MAX_UDP_TIMEOUT:g} s")
        self._host, self._port, self._wanted_family = address, port, family
        self._timeout, self._bind = timeout, bind
        self._sock: socket.socket | None = None
        self._endpoint: Endpoint | None = None
        self._connection_id: int | None = None
        self._connected_at = 0.0

    def __enter__(self) -> UdpTracker:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket and forget the connection id, which was bound to it."""
        if self._sock is not None:
            self._sock.close()
        self._sock = self._connection_id = None

    @property
    def local_address(self) -> str | None:
        """The source address of this session, None before :meth:`open`."""
        return None if self._sock is None else cast(str, self._sock.getsockname()[0])

    @property
    def remote_address(self) -> str | None:
        return None if self._endpoint is None else self._endpoint.address

    @property
    def connected(self) -> bool:
        """Whether the tracker has ever answered a connect on this socket."""
        return self._connection_id is not None

    def open(self) -> Endpoint:
        """Resolve the name and choose route and source address; sends nothing to the tracker."""
        if self._sock is None:
            self._endpoint = resolve(self._host, self._port, self._wanted_family, timeout=self._timeout)[0]
            self._sock = _open_udp(self._endpoint, self._bind)
        return cast(Endpoint, self._endpoint)

    def announce(self, announce: Announce, *, timeout: float | None = None) -> AnnounceResponse:
        """Announce once. ``timeout`` overrides that of the session. Raises TrackerError."""
        limit = self._limit(timeout)
        connection_id = self._connect(limit)

        def packet(transaction_id: int) -> Request:
            return AnnounceRequest(
                connection_id, transaction_id, announce.info_hash, announce.peer_id, announce.port, announce.event,
                announce.left, announce.downloaded, announce.uploaded, 0, announce.key, announce.num_want,
            )  # fmt: skip

        answer = self._ask("announce", packet, AnnounceAnswer, limit)
        try:
            peers = decode_udp_peers(answer.peers, self.open().family)
        except PacketError as error:
            raise MalformedAnswerError(f"{self.open()}/udp: {error}") from error
        return AnnounceResponse(answer.interval, answer.seeders, answer.leechers, peers)

    def scrape(self, info_hashes: Sequence[bytes], *, timeout: float | None = None) -> dict[bytes, ScrapeEntry]:
        """The counts of at most 74 swarms, by info-hash. Raises TrackerError."""
        limit = self._limit(timeout)
        connection_id, hashes = self._connect(limit), tuple(info_hashes)
        answer = self._ask("scrape", lambda tid: ScrapeRequest(connection_id, tid, hashes), ScrapeAnswer, limit)
        if len(answer.entries) != len(hashes):
            raise MalformedAnswerError(
                f"{self.open()}/udp: a scrape of {len(hashes)} info-hashes was answered with {len(answer.entries)}"
            )
        return dict(zip(hashes, answer.entries))

    def _limit(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else min(timeout, MAX_UDP_TIMEOUT)

    def _connect(self, limit: float) -> int:
        """The connection id of this socket, renewed in time so that a whole request fits into its life."""
        age = time.monotonic() - self._connected_at
        if self._connection_id is not None and age + limit < CONNECTION_ID_LIFETIME:
            return self._connection_id
        self.open()
        # Counted from before the question: the tracker made the id some time after.
        asked_at = time.monotonic()
        answer: ConnectResponse = self._ask("connect", ConnectRequest, ConnectResponse, limit)
        self._connection_id, self._connected_at = answer.connection_id, asked_at
        return answer.connection_id

    def _ask(self, what: str, make: Any, expected: type[Any], limit: float) -> Any:
        """Send, repeat, and wait for the one answer that belongs to this question. Raises TrackerError."""
        endpoint, sock = self.open(), cast(socket.socket, self._sock)
        where = f"{endpoint}/udp"
        transaction_id = secrets.randbits(32)
        try:
            packet: bytes = make(transaction_id).encode()
        except PacketError as error:
            raise BadRequestError(str(error)) from error
        deadline = time.monotonic() + limit
        wait = min(_FIRST_RETRY, limit / 7)  # 1 + 2 + 4 sevenths: three packets fill the time
        sent = strangers = noise = 0
        while True:
            now = time.monotonic()
            if now >= deadline:
                break
            try:
                sock.send(packet)
                sent += 1
                until = min(now + wait, deadline)
                while True:
                    left = until - time.monotonic()
                    if left <= 0:
                        break
                    sock.settimeout(left)
                    data = sock.recv(65535)
                    kind = _judge(data, transaction_id)
                    if kind == "ours":
                        return self._accept(data, what, expected, where)
                    strangers, noise = (strangers + (kind == "stranger"), noise + (kind == "noise"))
            except _SocketTimeout:
                pass
            except OSError as error:
                _raise_for_os_error(error, where)
            wait *= 2
        if strangers:
            raise WrongTransactionError(f"{where}: {strangers} answers to the {what}, none with its transaction id")
        if noise:
            raise NotATrackerError(f"{where}: {noise} answers to the {what}, none of them in a UDP tracker's form")
        message = f"{where}: no answer to {sent} {what} packets within {limit:g} s"
        raise (AnswerTimeoutError if self.connected else ConnectTimeoutError)(message)

    @staticmethod
    def _accept(data: bytes, what: str, expected: type[Any], where: str) -> Any:
        try:
            answer = decode_answer(data)
        except PacketError as error:
            raise MalformedAnswerError(f"{where}: malformed answer to the {what}: {error}") from error
        if isinstance(answer, ErrorAnswer):
            reason = printable(answer.message)
            raise TrackerFailureError(f"{where}: the tracker refuses the {what}: {reason}", reason)
        if not isinstance(answer, expected):
            raise MalformedAnswerError(f"{where}: the {what} was answered with a {type(answer).__name__}")
        return answer


def _judge(data: bytes, transaction_id: int) -> str:
    """``ours``, ``stranger`` (a tracker's answer to another question) or ``noise``, by the first eight bytes."""
    if len(data) < 8:
        return "noise"
    action, answered = struct.unpack_from(">II", data)
    if action not in _ANSWERS:
        return "noise"
    return "ours" if answered == transaction_id else "stranger"


# --------------------------------------------------------------------------------------------------------------------
# HTTP (BEP 3, BEP 48)
# --------------------------------------------------------------------------------------------------------------------

MAX_BODY = 256 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443, "udp": 0}


@dataclass(frozen=True)
class TrackerUrl:
    """A tracker's or health endpoint's URL, taken apart. ``host`` without brackets, ``target`` path and query."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def __str__(self) -> str:
        return f"{self.scheme}://{join_host_port(self.host, self.port)}{self.path}"


def parse_url(url: str) -> TrackerUrl:
    """Take an ``http``, ``https`` or ``udp`` URL apart; IPv6 literals stand in brackets. Raises BadRequestError."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadRequestError(f"{printable(url)}: not a URL ({error})") from None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise BadRequestError(f"{printable(url)}: not an http, https or udp URL")
    if any(char <= " " or char >= "\x7f" for char in parts.path + parts.query):
        raise BadRequestError(f"{printable(url)}: unencoded characters")
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if not port:
        raise BadRequestError(f"{printable(url)}: no port")
    return TrackerUrl(parts.scheme, host, port, parts.path or "/", parts.query)


def announce_target(url: TrackerUrl, announce: Announce, *, compact: bool = True) -> str:
    """The request target of an announce; what the URL's own query says is kept (passkeys)."""
    pairs = [
        ("info_hash", _percent(announce.info_hash)),
        ("peer_id", _percent(announce.peer_id)),
        ("port", str(announce.port)),
        ("uploaded", str(announce.uploaded)),
        ("downloaded", str(announce.downloaded)),
        ("left", str(announce.left)),
        ("compact", "1" if compact else "0"),
    ]
    if announce.event != "none":
        pairs.append(("event", announce.event))
    if announce.num_want >= 0:
        pairs.append(("numwant", str(announce.num_want)))
    if announce.key:
        pairs.append(("key", f"{announce.key:08x}"))
    return _with_query(url.path, url.query, pairs)


def scrape_target(url: TrackerUrl, info_hashes: Sequence[bytes]) -> str:
    """The request target of a scrape: ``announce`` in the path becomes ``scrape`` (BEP 48). Raises BadRequestError.

    The segment may be followed by an authentication key, as in ``/announce/KEY``.
    """
    segments = url.path.split("/")
    for index in range(len(segments) - 1, -1, -1):
        if segments[index].startswith("announce"):
            segments[index] = "scrape" + segments[index][len("announce") :]
            return _with_query("/".join(segments), url.query, [("info_hash", _percent(h)) for h in info_hashes])
    raise BadRequestError(f"{url}: no path segment starts with 'announce', so there is nothing to scrape")


def _percent(raw: bytes) -> str:
    return urllib.parse.quote(raw, safe="")


def _with_query(path: str, query: str, pairs: Sequence[tuple[str, str]]) -> str:
    joined = "&".join(f"{key}={value}" for key, value in pairs)
    return f"{path}?{query}&{joined}" if query else f"{path}?{joined}"


def parse_announce(body: bytes) -> AnnounceResponse:
    """Parse the body of an announce. Raises NotATrackerError, MalformedAnswerError or TrackerFailureError."""
    answer = _answer_dict(body)
    interval, min_interval = (_number(answer, b"interval"), _number(answer, b"min interval"))
    if interval is None:
        raise MalformedAnswerError("malformed announce answer: no interval")
    peers: list[Peer] = []
    if b"peers" not in answer and b"peers6" not in answer:
        raise MalformedAnswerError("malformed announce answer: no peers")
    compact, compact6 = answer.get(b"peers", b""), answer.get(b"peers6", b"")
    try:
        if isinstance(compact, list):
            peers += [_dictionary_peer(entry) for entry in compact]
        elif isinstance(compact, bytes):
            peers += decode_compact_peers(compact, "ipv4")
        else:
            raise PacketError("peers are neither a list nor a string")
        if not isinstance(compact6, bytes):
            raise PacketError("peers6 is not a string")
        peers += decode_compact_peers(compact6, "ipv6")
    except PacketError as error:
        raise MalformedAnswerError(f"malformed announce answer: {error}") from error
    warning = answer.get(b"warning message")
    return AnnounceResponse(
        interval=interval,
        seeders=_number(answer, b"complete"),
        leechers=_number(answer, b"incomplete"),
        peers=tuple(peers),
        min_interval=min_interval,
        warning=printable(warning) if isinstance(warning, bytes) else None,
    )


def parse_scrape(body: bytes, info_hashes: Sequence[bytes]) -> dict[bytes, ScrapeEntry]:
    """Parse the body of a scrape; a swarm the tracker leaves out has zero counts. Raises as parse_announce."""
    answer = _answer_dict(body)
    files = answer.get(b"files")
    if not isinstance(files, dict):
        raise MalformedAnswerError("malformed scrape answer: no files")
    entries: dict[bytes, ScrapeEntry] = {}
    for info_hash in info_hashes:
        counts = files.get(info_hash, {})
        if not isinstance(counts, dict):
            raise MalformedAnswerError("malformed scrape answer: an entry is not a dictionary")
        seeders, completed, leechers = (
            _number(counts, key) or 0 for key in (b"complete", b"downloaded", b"incomplete")
        )
        entries[info_hash] = ScrapeEntry(seeders, completed, leechers)
    return entries


def _answer_dict(body: bytes) -> dict[bytes, BValue]:
    try:
        answer = bdecode(body)
    except BencodeError as error:
        start = printable(body[:60]) or "nothing"
        # A bencoded dictionary that breaks off is a tracker's; anything else is somebody else's.
        if body.startswith(b"d") and body[1:2].isdigit():
            raise MalformedAnswerError(f"malformed bencode: {error}") from error
        raise NotATrackerError(f"the answer is not bencoded: it starts with {start!r}") from error
    if not isinstance(answer, dict):
        raise NotATrackerError("the answer is bencoded, but no dictionary")
    failure = answer.get(b"failure reason", answer.get(b"failure_reason"))
    if failure is not None:
        reason = printable(failure) if isinstance(failure, bytes) else printable(repr(failure))
        raise TrackerFailureError(f"the tracker refuses: {reason}", reason)
    return answer


def _number(answer: dict[bytes, BValue], key: bytes) -> int | None:
    value = answer.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or value < 0:
        raise MalformedAnswerError(f"malformed answer: {key.decode()} is not a natural number")
    return value


def _dictionary_peer(entry: BValue) -> Peer:
    if not isinstance(entry, dict):
        raise PacketError("a peer is not a dictionary")
    address, port, peer_id = entry.get(b"ip"), entry.get(b"port"), entry.get(b"peer id")
    if not isinstance(address, bytes) or not isinstance(port, int) or not 0 <= port < 65536:
        raise PacketError("a peer without a proper ip and port")
    if peer_id is not None and (not isinstance(peer_id, bytes) or len(peer_id) != 20):
        raise PacketError("a peer id that is not 20 bytes")
    text = printable(address, 255)
    return Peer(_address_text(ipaddress.ip_address(text)) if is_ip_address(text) and "%" not in text else text, port,
                peer_id)  # fmt: skip


@dataclass(frozen=True)
class HttpAnswer:
    """What came back over HTTP, and between which addresses."""

    status: int
    body: bytes
    location: str | None
    server: str | None
    local_address: str
    remote_address: str


class _DeadlineReader(io.RawIOBase):
    """Reads a socket until a point in time: a timeout per read would let a slow sender hold us for ever."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._raw, self._sock, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_remaining(self._deadline))
        return cast("int | None", cast(Any, self._raw).readinto(buffer))

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _PinnedConnection(http.client.HTTPConnection):
    """HTTP(S) to a chosen address, while Host and TLS name are those of the URL; everything ends at one deadline."""

    def __init__(self, url: TrackerUrl, endpoints: Sequence[Endpoint], bind: str | None,
                 context: ssl.SSLContext | None, deadline: float) -> None:  # fmt: skip
        super().__init__(url.host, url.port)
        # Without this http.client would write the port into Host for https on 443.
        self.default_port = _DEFAULT_PORTS[url.scheme]
        self._url, self._endpoints, self._bind = url, endpoints, bind
        self._context, self._deadline = context, deadline
        self.endpoint = endpoints[0]
        self.local_address = ""
        self.response_class = self._make_response  # type: ignore[assignment]

    def _make_response(self, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(sock, *args, **kwargs)
        response.fp.close()
        raw = cast(io.RawIOBase, sock.makefile("rb", buffering=0))
        response.fp = io.BufferedReader(_DeadlineReader(raw, sock, self._deadline))
        return response

    def connect(self) -> None:
        for index, endpoint in enumerate(self._endpoints):
            self.endpoint = endpoint
            try:
                sock = _open_tcp(endpoint, self._bind, self._deadline)
                break
            except TrackerError:
                if index == len(self._endpoints) - 1:
                    raise
        self.local_address = cast(str, sock.getsockname()[0])
        self.sock = sock if self._url.scheme != "https" else self._secure(sock)

    def _secure(self, sock: socket.socket) -> socket.socket:
        context = self._context or ssl.create_default_context()
        try:
            return context.wrap_socket(sock, server_hostname=self._url.host)
        except ssl.SSLCertVerificationError as error:
            sock.close()
            why = printable(error.verify_message)
            raise TlsError(f"{self.endpoint}: the certificate is not valid for {self._url.host}: {why}") from error
        except (ssl.SSLEOFError, ConnectionError) as error:
            sock.close()
            raise ClosedError(f"{self.endpoint}: the connection was closed during the TLS handshake") from error
        except ssl.SSLError as error:
            sock.close()
            raise TlsError(f"{self.endpoint}: the TLS handshake failed: {printable(str(error))}") from error
        except _SocketTimeout as error:
            sock.close()
            raise AnswerTimeoutError(f"{self.endpoint}: the TLS handshake did not end in time") from error
        except ValueError as error:
            sock.close()
            raise BadRequestError(f"{self._url.host} cannot be a TLS server name: {error}") from error


def http_get(
    url: TrackerUrl,
    target: str | None = None,
    *,
    address: str | None = None,
    port: int | None = None,
    family: str = "any",
    timeout: float = 3.0,
    bind: str | None = None,
    context: ssl.SSLContext | None = None,
    max_body: int = MAX_BODY,
) -> HttpAnswer:
    """One GET without redirects and proxies; ``address`` and ``port`` override where to connect, not what to ask for.

    ``timeout`` bounds all of it: resolving, connecting, TLS, headers and body. Raises TrackerError.
    """
    if url.scheme not in ("http", "https"):
        raise BadRequestError(f"{url}: not an HTTP URL")
    deadline = time.monotonic() + timeout
    endpoints = resolve(address or url.host, port or url.port, family, timeout=timeout)
    connection = _PinnedConnection(url, endpoints, bind, context, deadline)
    try:
        connection.request("GET", target or url.target, headers={"User-Agent": "torrust-deployer-probe",
                                                                 "Connection": "close"})  # fmt: skip
        connection.sock.settimeout(_remaining(deadline))
        response = connection.getresponse()
        body = response.read(max_body + 1)
        where = str(connection.endpoint)
        if len(body) > max_body:
            raise NotATrackerError(f"{where}: the answer is larger than {max_body} bytes")
        if response.length:  # what Content-Length promised and did not come
            raise ClosedError(f"{where}: the connection was closed {response.length} bytes before the end")
        return HttpAnswer(
            response.status, body, response.getheader("Location"), response.getheader("Server"),
            connection.local_address, connection.endpoint.address,
        )  # fmt: skip
    except TrackerError:
        raise
    except _SocketTimeout as error:
        raise AnswerTimeoutError(
            f"{connection.endpoint}: accepts the connection, but the answer did not end within {timeout:g} s"
        ) from error
    except (http.client.RemoteDisconnected, http.client.IncompleteRead) as error:
        raise ClosedError(f"{connection.endpoint}: the connection was closed without a complete answer") from error
    except http.client.HTTPException as error:
        raise NotATrackerError(f"{connection.endpoint}: the answer is not HTTP: {printable(str(error))}") from error
    except OSError as error:
        _raise_for_os_error(error, f"{connection.endpoint} (TCP)")
    except ValueError as error:  # http.client on some malformed chunk sizes and headers
        raise NotATrackerError(f"{connection.endpoint}: the answer is not HTTP: {printable(str(error))}") from error
    finally:
        connection.close()


class HttpTracker:
    """An HTTP tracker behind ``url`` (the announce URL). Each request is a connection of its own, as clients do.

    ``address`` and ``port`` say where to connect if not to the URL's own host (Host and TLS name stay the URL's).
    """

    def __init__(
        self,
        url: str,
        *,
        address: str | None = None,
        port: int | None = None,
        family: str = "any",
        timeout: float = 3.0,
        bind: str | None = None,
        context: ssl.SSLContext | None = None,
        compact: bool = True,
        max_body: int = MAX_BODY,
    ) -> None:
        self._url = parse_url(url)
        self._address, self._port, self._family, self._timeout = (address, port, family, timeout)
        self._bind, self._context, self._compact, self._max_body = (bind, context, compact, max_body)
        self._last: HttpAnswer | None = None

    def __enter__(self) -> HttpTracker:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing stays open between requests; here for symmetry with UdpTracker."""

    @property
    def local_address(self) -> str | None:
        """The source address of the last answered request."""
        return None if self._last is None else self._last.local_address

    @property
    def remote_address(self) -> str | None:
        return None if self._last is None else self._last.remote_address

    def announce(self, announce: Announce, *, timeout: float | None = None) -> AnnounceResponse:
        """Announce once. Raises TrackerError."""
        return parse_announce(self._get(announce_target(self._url, announce, compact=self._compact), timeout))

    def scrape(self, info_hashes: Sequence[bytes], *, timeout: float | None = None) -> dict[bytes, ScrapeEntry]:
        """The counts of the swarms, by info-hash. Raises TrackerError."""
        return parse_scrape(self._get(scrape_target(self._url, info_hashes), timeout), info_hashes)

    def _get(self, target: str, timeout: float | None) -> bytes:
        answer = http_get(
            self._url, target, address=self._address, port=self._port, family=self._family,
            timeout=self._timeout if timeout is None else timeout, bind=self._bind, context=self._context,
            max_body=self._max_body,
        )  # fmt: skip
        self._last = answer
        if answer.status != 200:
            raise_for_status(answer)
        return answer.body


TrackerClient = Union[UdpTracker, HttpTracker]


def raise_for_status(answer: HttpAnswer) -> NoReturn:
    """Raise the HttpStatusError for an answer that is not 200, with the start of its body."""
    detail = f"redirects to {printable(answer.location)}" if answer.location else printable(answer.body, 120)
    server = f" from {printable(answer.server, 40)}" if answer.server else ""
    raise HttpStatusError(f"HTTP status {answer.status}{server}: {detail or 'no text'}", answer.status)
