# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FAKE tracker for tests: it serves UDP or HTTP on a loopback address and misbehaves in one chosen way.

It is not a tracker: it knows one kind of swarm (a handful of peers in memory), no expiry, no limits. Its use is to
break in every way in which the path to a real one breaks, so that the probes can be seen to tell them apart.

    with FakeUdpTracker("no_peers") as tracker:
        ...  # tracker.address, tracker.port, tracker.swarm.announces

Modes of both protocols: ``healthy``, ``silent``, ``no_peers``, ``wrong_address``, ``mapped``, ``wrong_counts``,
``keeps_peers``, ``failure``. Of UDP alone: ``wrong_transaction``, ``truncated``, ``garbage``, ``mute_announce``.
Of HTTP alone: ``dictionary``, ``http_404``, ``http_500``, ``http_502``, ``html``, ``malformed``, ``drip``,
``drip_headers``, ``huge``, ``closes``, ``unhealthy``. For a port where nothing listens there is :func:`closed_port`.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import socketserver
import threading
import urllib.parse
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, cast

from ansible_collections.torrust.deployer.plugins.module_utils import _bittorrent as bt

LOOPBACK = {"ipv4": "127.0.0.1", "ipv6": "::1"}
# What a tracker behind docker-proxy takes every client for.
GATEWAY = {"ipv4": "172.18.0.1", "ipv6": "fd00:18::1"}
INTERVAL = 120


def closed_port(protocol: str, family: str) -> int:
    """A port of the loopback address where nothing listens."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(bt.FAMILIES[family], kind) as sock:
        sock.bind((LOOPBACK[family], 0))
        return int(sock.getsockname()[1])


@dataclass
class Swarm:
    """Who is in which swarm, and every announce that ever came (event, port)."""

    mode: str
    members: dict[bytes, dict[bytes, tuple[bt.Peer, int]]] = field(default_factory=dict)
    announces: list[tuple[str, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def announce(self, request: bt.Announce, address: str) -> tuple[int, int, list[bt.Peer]]:
        """Seeders, leechers and the other peers, after this announce."""
        with self.lock:
            self.announces.append((request.event, request.port))
            members = self.members.setdefault(request.info_hash, {})
            if request.event == "stopped" and self.mode != "keeps_peers":
                members.pop(request.peer_id, None)
            else:
                peer = bt.Peer(address, request.port, request.peer_id)
                members[request.peer_id] = (peer, request.left)
            others = [peer for peer_id, (peer, _left) in members.items() if peer_id != request.peer_id]
        seeders, leechers = self.counts(request.info_hash)
        return seeders, leechers, [] if self.mode == "no_peers" else others

    def counts(self, info_hash: bytes) -> tuple[int, int]:
        if self.mode == "wrong_counts":
            return 5, 7
        lefts = [left for _peer, left in self.members.get(info_hash, {}).values()]
        return lefts.count(0), len(lefts) - lefts.count(0)

    @property
    def size(self) -> int:
        """Peers in all swarms: 0 once everybody has left."""
        return sum(len(members) for members in self.members.values())


class _Fake:
    """What both servers share: a thread that serves, and the way out."""

    protocol = ""

    def __init__(self, mode: str = "healthy", family: str = "ipv4", *, reason: str = "no") -> None:
        self.mode, self.family, self.reason = mode, family, reason
        self.swarm = Swarm(mode)
        self.address = LOOPBACK[family]
        self._server = self._make_server()
        self.port = int(cast("tuple[str, int]", self._server.server_address)[1])

    def _make_server(self) -> socketserver.BaseServer:
        raise NotImplementedError

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        scheme = "udp" if self.protocol == "udp" else "http"
        return f"{scheme}://{bt.join_host_port(self.address, self.port)}/announce"

    def listener(self, **changes: Any) -> dict[str, Any]:
        """This tracker as the probes want a listener described."""
        described = {"name": f"{self.protocol}_tracker[0]", "protocol": self.protocol, "family": self.family,
                     "address": self.address, "port": self.port, "url": self.url}  # fmt: skip
        return {**described, **changes}

    def seen(self, client: str) -> str:
        return GATEWAY[self.family] if self.mode == "wrong_address" else client


class FakeUdpTracker(_Fake):
    """UDP (BEP 15). ``bad_connection_ids`` counts requests with an id that was not given to their source."""

    protocol = "udp"

    def _make_server(self) -> socketserver.BaseServer:
        self.connection_ids: dict[tuple[str, int], int] = {}
        self.bad_connection_ids = 0
        self.connects = 0

        class Server(socketserver.UDPServer):
            address_family = bt.FAMILIES[self.family]

        tracker = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, sock = self.request
                for answer in tracker.answers(data, self.client_address[:2]):
                    sock.sendto(answer, self.client_address)

        return Server((self.address, 0), Handler)

    def answers(self, data: bytes, client: tuple[str, int]) -> list[bytes]:
        """The datagrams that this mode sends back."""
        request = bt.decode_request(data)
        tid = request.transaction_id
        if self.mode == "silent":
            return []
        if self.mode == "garbage":
            return [b"\xff\xfe" * 20, b"x"]
        if self.mode == "wrong_transaction":
            tid ^= 1
        answer = self._answer(request, client, tid)
        if answer is None:
            return []
        return [answer[: len(answer) - 5] if self.mode == "truncated" else answer]

    def _answer(self, request: bt.Request, client: tuple[str, int], tid: int) -> bytes | None:
        if isinstance(request, bt.ConnectRequest):
            self.connects += 1
            self.connection_ids[client] = secrets.randbits(64)
            return bt.ConnectResponse(tid, self.connection_ids[client]).encode()
        if self.connection_ids.get(client) != request.connection_id:
            self.bad_connection_ids += 1
            return bt.ErrorAnswer(tid, "connection id could not be verified").encode()
        if self.mode == "mute_announce":
            return None
        if self.mode == "failure":
            return bt.ErrorAnswer(tid, self.reason).encode()
        if isinstance(request, bt.ScrapeRequest):
            counts = [self.swarm.counts(info_hash) for info_hash in request.info_hashes]
            return bt.ScrapeAnswer(tid, tuple(bt.ScrapeEntry(s, 0, le) for s, le in counts)).encode()
        announce = bt.Announce(request.info_hash, request.peer_id, request.port, request.event, request.left)
        seeders, leechers, others = self.swarm.announce(announce, self.seen(client[0]))
        family = self.family
        if self.mode == "mapped":
            family, others = "ipv6", [bt.Peer(f"::ffff:{peer.address}", peer.port) for peer in others]
        raw = bt.encode_compact_peers(others, family)
        return bt.AnnounceAnswer(tid, INTERVAL, leechers, seeders, raw).encode()


class FakeHttpTracker(_Fake):
    """HTTP (BEP 3), written on the bare socket, since a proper server would not misbehave. ``requests`` keeps heads."""

    protocol = "http"

    def _make_server(self) -> socketserver.BaseServer:
        self.requests: list[str] = []
        self._stop = threading.Event()

        class Server(socketserver.ThreadingTCPServer):
            address_family = bt.FAMILIES[self.family]
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up on an endless answer is what some tests are about."""

        tracker = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                tracker._serve(self.request, self.client_address[0])

        return Server((self.address, 0), Handler)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        super().__exit__(kind, error, trace)

    def _serve(self, sock: socket.socket, client: str) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = sock.recv(4096)
            if not chunk:
                return
            head += chunk
        text = head.decode("latin-1")
        self.requests.append(text)
        if self.mode == "closes":
            return
        if self.mode == "silent":
            self._stop.wait()
        elif self.mode == "drip":
            self._drip(sock, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", b"d")
        elif self.mode == "drip_headers":
            self._drip(sock, b"HTTP/1.1 200 OK\r\n", b"X-More: more\r\n")
        elif self.mode == "huge":
            sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not self._stop.is_set():
                sock.sendall(b"x" * 65536)
        else:
            sock.sendall(self._response(text.split(" ")[1], client))

    def _drip(self, sock: socket.socket, start: bytes, drop: bytes) -> None:
        sock.sendall(start)
        while not self._stop.wait(0.02):
            sock.sendall(drop)

    def _response(self, target: str, client: str) -> bytes:
        status, body = "200 OK", b""
        path, _mark, query = target.partition("?")
        if self.mode.startswith("http_"):
            status, body = f"{self.mode[5:]} Trouble", b"something is wrong\n"
        elif self.mode == "html":
            body = b"<!DOCTYPE html><title>Welcome to nginx!</title>"
        elif path.endswith("/health_check"):
            body = b'{"status":"Error"}' if self.mode == "unhealthy" else b'{"status":"Ok"}'
        else:
            body = self._bencoded(path, query, client)
        return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def _bencoded(self, path: str, query: str, client: str) -> bytes:
        if self.mode == "failure":
            return bt.bencode({"failure reason": self.reason})
        if self.mode == "malformed":
            return bt.bencode({"interval": "soon", "peers": ""})
        values = [
            (key, urllib.parse.unquote_to_bytes(value))
            for key, _equals, value in (pair.partition("=") for pair in query.split("&"))
        ]
        fields = dict(values)
        if path.startswith("/scrape"):
            files = {}
            for info_hash in [value for key, value in values if key == "info_hash"]:
                seeders, leechers = self.swarm.counts(info_hash)
                files[info_hash] = {"complete": seeders, "downloaded": 0, "incomplete": leechers}
            return bt.bencode({"files": files})
        announce = bt.Announce(fields["info_hash"], fields["peer_id"], int(fields["port"]),
                               fields.get("event", b"none").decode(), int(fields["left"]))  # fmt: skip
        seeders, leechers, others = self.swarm.announce(announce, self.seen(client))
        answer: dict[str, object] = {"complete": seeders, "incomplete": leechers, "interval": INTERVAL}
        answer["min interval"] = INTERVAL
        if self.mode == "dictionary" or fields.get("compact") == b"0":
            answer["peers"] = [{"ip": peer.address, "peer id": peer.peer_id, "port": peer.port} for peer in others]
            return bt.bencode(answer)
        if self.mode == "mapped":
            others = [bt.Peer(f"::ffff:{peer.address}", peer.port) for peer in others]
        for key, version, family in (("peers", 4, "ipv4"), ("peers6", 6, "ipv6")):
            fitting = [peer for peer in others if ipaddress.ip_address(peer.address).version == version]
            answer[key] = bt.encode_compact_peers(fitting, family)
        return bt.bencode(answer)
