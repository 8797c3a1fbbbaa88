# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A seeder and a leecher, and the wait until the one's file is the other's too."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_NAME = "shared.bin"
_PIECE = 64 * 1024
# Seconds that a client has to say goodbye to the tracker once it is told to leave.
_LEAVE = 10


class SwarmError(Exception):
    """The file was not shared; the text says how far it came."""


@dataclass(frozen=True)
class Share:
    """A file that was shared: through which tracker, from which local address, how long it took in seconds."""

    url: str
    address: str
    size: int
    sha256: str
    seconds: float

    def text(self) -> str:
        """Return one line for a person."""
        return f"{self.url} from {self.address}: {self.size} bytes, sha256 {self.sha256[:12]}, {self.seconds:.1f} s"


def local_address(url: str) -> str:
    """Return the address of this machine from which the tracker is reached, so that clients use no other one.

    :raises SwarmError: when there is no way to it.
    """
    place = urlsplit(url)
    if place.hostname is None or place.port is None:
        raise SwarmError(f"{url}: a tracker's URL has a host and a port")
    try:
        family, kind, _protocol, _name, target = socket.getaddrinfo(place.hostname, place.port, type=socket.SOCK_DGRAM)[
            0
        ]
        # Nothing is sent: connecting a datagram socket only asks for the route.
        with socket.socket(family, kind) as probe:
            probe.connect(target)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise SwarmError(f"{url}: no way to {place.hostname}: {error}") from error


def share(url: str, *, address: str | None = None, size: int = 1024 * 1024, timeout: float = 60) -> Share:
    """Share a new file of ``size`` random bytes through the tracker; both clients are on the local ``address``.

    :raises SwarmError: when the file has not arrived whole after ``timeout`` seconds, or a client failed.
    """
    address = address or local_address(url)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torrust-swarm-") as directory, ExitStack() as stack:
        source, target, torrent = (Path(directory) / name for name in ("source", "target", "shared.torrent"))
        source.mkdir()
        target.mkdir()
        content = os.urandom(size)
        (source / _NAME).write_bytes(content)
        _write_torrent(torrent, source / _NAME, url)

        deadline = began + timeout
        seeder = stack.enter_context(_Peer("seeder", torrent, source, address))
        # The leecher comes when the tracker knows the seeder, and so is told of it by its first announce.
        seeder.await_event("announced", deadline)
        leecher = stack.enter_context(_Peer("leecher", torrent, target, address))
        leecher.await_event("complete", deadline)
        seconds = time.monotonic() - began
        if not leecher.saw(lambda event: event["event"] == "announced" and event["peers"] > 0):
            raise SwarmError(f"{url}: the leecher has the file, yet the tracker never named a peer to it")
        received = hashlib.sha256((target / _NAME).read_bytes()).hexdigest()
        if received != hashlib.sha256(content).hexdigest():
            raise SwarmError(f"{url}: the leecher has another file than the seeder")
    return Share(url, str(ipaddress.ip_address(address)), size, received, seconds)


def _write_torrent(path: Path, file: Path, url: str) -> None:
    import libtorrent

    entry = libtorrent.create_file_entry(file.name, file.stat().st_size)
    torrent = libtorrent.create_torrent([entry], _PIECE, libtorrent.create_torrent.v1_only)
    torrent.add_tracker(url)
    # A private torrent: the protocol itself forbids every other way to find peers.
    torrent.set_priv(True)
    libtorrent.set_piece_hashes(torrent, str(file.parent))
    path.write_bytes(libtorrent.bencode(torrent.generate()))


class _Peer:
    """A client's process and what it has said so far."""

    def __init__(self, role: str, torrent: Path, directory: Path, address: str) -> None:
        self.role = role
        self._events: list[dict[str, Any]] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            [
                *(sys.executable, str(Path(__file__).with_name("_peer.py"))),
                *("--torrent", str(torrent), "--directory", str(directory), "--address", address),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())
        self._lines.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it leave the swarm and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_LEAVE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_LEAVE)

    def saw(self, test: Callable[[dict[str, Any]], bool]) -> bool:
        """Tell whether one of the events so far passes the test."""
        return any(map(test, self._events))

    def await_event(self, wanted: str, deadline: float) -> None:
        """Wait until it has said so.

        :raises SwarmError: at the deadline, or when it ended or failed before.
        """
        while not self.saw(lambda event: event["event"] == wanted):
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise SwarmError(f"the {self.role} is not {wanted} in time; {self._so_far()}") from None
            if line is None:
                raise SwarmError(f"the {self.role} ended before it was {wanted}; {self._so_far()}")
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "printed", "reason": line}
            self._events.append(event)
            if event["event"] == "failed":
                raise SwarmError(f"the {self.role} failed: {event['reason']}")

    def _so_far(self) -> str:
        if not self._events:
            return "it said nothing, so no tracker has answered it"
        return "it said: " + "; ".join(" ".join(str(value) for value in event.values()) for event in self._events[-5:])
