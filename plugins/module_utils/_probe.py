# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probes of the ``test`` verb: what a BitTorrent client outside sees of a tracker, and which hop is broken.

For each listener two peers announce to a fresh random swarm. Each must be given the other, in the form that clients
of that address family can use and with the address it really has; the counts must show both; then both leave, and
must be gone. A tracker that answers but does not introduce peers fails.

Input is plain data (see :func:`run_probes`), output a sorted list of :class:`Verdict`. A broken tracker, network or
answer never raises: it is a verdict. Runs on Python 3.9 with the standard library alone.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import secrets
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.torrust.deployer.plugins.module_utils import _bittorrent as bt

# Order of the rows of one target, which is also the order in which things are tried.
PROBES = ("dns", "introduce", "address", "scrape", "leave", "health", "api")
STATUSES = ("passed", "warned", "untested", "failed")
HOPS = ("dns", "route", "firewall", "port", "container", "tracker")

DEFAULT_TIMEOUT = 3.0
# How long a peer that must leave may take at most, after everything else went wrong.
_LEAVE_TIMEOUT = 1.0
# All requests to one listener together may take this many times the timeout of one.
_TOTAL = 4
# Where Docker takes networks from when nobody tells it: a client is never seen with such an address by a tracker that
# is reached directly, unless the client is a container too.
_DOCKER_POOLS = ("172.16.0.0/12", "192.168.0.0/16")

_LOG = "Look at the tracker's log on the host: docker compose -p torrust logs --tail 50 tracker"


@dataclass(frozen=True)
class Verdict:
    """One row. ``hop`` is empty when passed; ``seconds`` is how long the probe took."""

    probe: str
    target: str
    status: str
    hop: str
    message: str
    next_step: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The row as plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Fault:
    """What a failed step means to the person who must act."""

    hop: str
    message: str
    next_step: str
    status: str = "failed"


@dataclass(frozen=True)
class _Options:
    timeout: float = DEFAULT_TIMEOUT
    bind: Mapping[str, str] = field(default_factory=dict)
    container_networks: Sequence[str] = ()
    ca_file: str | None = None
    verify_tls: bool = True
    check_dns: bool = True

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_file)
        if not self.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True)
class _Listener:
    name: str
    protocol: str
    family: str
    host: str
    port: int
    url: str | None
    info_hash: bytes | None
    refuses: str | None

    @property
    def target(self) -> str:
        """How the rows call this listener; without a key or passkey that may stand in the URL."""
        where = bt.join_host_port(self.host, self.port)
        if self.protocol == "http" and self.url:
            where = re.sub(r"(/announce)/.*", r"\1", str(bt.parse_url(self.url)))
        return f"{self.name} {self.family} {where}"

    @property
    def port_name(self) -> str:
        return f"{self.port}/{'udp' if self.protocol == 'udp' else 'tcp'}"


def run_probes(request: Mapping[str, Any]) -> list[Verdict]:
    """Run all probes at once and return their verdicts, sorted by target and probe.

    ``request`` is plain data::

        {"listeners": [{"name": "udp_tracker[0]", "protocol": "udp" | "http", "family": "ipv4" | "ipv6",
                        "address": "10.0.0.5", "port": 6969, "url": "http://tracker.example/announce",
                        "info_hash": "40 hex digits", "refuses": "listed" | "private"}],
         "api": {"url": "http://[fd00::5]:1212/api/health_check", "address": ..., "port": ..., "family": ...},
         "options": {"timeout": 3.0, "bind": {"ipv4": "10.0.0.1", "ipv6": "fd00::1"},
                     "container_networks": ["172.20.0.0/16"], "ca_file": None, "verify_tls": True,
                     "check_dns": True}}

    ``address`` and ``port`` say where to connect, ``url`` what to ask for; either can be left out where the other
    tells it. ``info_hash`` replaces the random one (for a tracker that only serves listed torrents); ``refuses`` says
    that a refusal for that reason is what was configured. ``api`` may be a list, or absent. ``timeout`` is that of one
    request. A healthy host takes some milliseconds, a silent one the
    timeout; four timeouts and two seconds are the most.

    Raises ValueError when the request itself is malformed.
    """
    options = _parse_options(request.get("options") or {})
    listeners = [_parse_listener(item) for item in request.get("listeners") or []]
    apis = request.get("api") or []
    jobs: list[Callable[[], list[Verdict]]] = []
    for listener in listeners:
        jobs.append(_job(_probe_listener, listener, options))
        if listener.protocol == "http":
            jobs.append(_job(_probe_listener_health, listener, options))
        if options.check_dns:
            jobs.append(_job(_probe_name, listener, options))
    for api in [apis] if isinstance(apis, Mapping) else apis:
        jobs.append(_job(_probe_api, api, options))
    if not jobs:
        return []
    with ThreadPoolExecutor(max_workers=min(len(jobs), 64), thread_name_prefix="probe") as pool:
        rows = [row for future in [pool.submit(job) for job in jobs] for row in future.result()]
    return sorted(rows, key=lambda row: (row.target, PROBES.index(row.probe), row.message))


def worst_status(verdicts: Sequence[Verdict]) -> str:
    """``failed``, ``untested``, ``warned`` or ``passed``; nothing probed is ``untested``."""
    return max((row.status for row in verdicts), key=STATUSES.index, default="untested")


def _job(function: Callable[..., list[Verdict]], *args: Any) -> Callable[[], list[Verdict]]:
    return lambda: function(*args)


def _parse_options(data: Mapping[str, Any]) -> _Options:
    known = _Options.__dataclass_fields__
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise ValueError(f"unknown probe options: {', '.join(unknown)}")
    options = _Options(**{key: value for key, value in data.items() if value is not None})
    if not 0 < options.timeout <= bt.MAX_UDP_TIMEOUT:
        raise ValueError(f"timeout {options.timeout} is not between 0 and {bt.MAX_UDP_TIMEOUT:g} seconds")
    for network in options.container_networks:
        ipaddress.ip_network(network)  # raises ValueError
    try:
        options.context()
    except OSError as error:
        raise ValueError(f"ca_file {options.ca_file}: {error}") from None
    return options


def _parse_listener(data: Mapping[str, Any]) -> _Listener:
    protocol, family, url = data.get("protocol"), data.get("family"), data.get("url")
    if protocol not in ("udp", "http") or family not in ("ipv4", "ipv6"):
        raise ValueError(f"listener {data.get('name')!r}: protocol is udp or http, family is ipv4 or ipv6")
    host, port = data.get("address"), data.get("port")
    if url:
        try:
            parsed = bt.parse_url(url)
        except bt.BadRequestError as error:
            raise ValueError(f"listener {data.get('name')!r}: {error}") from None
        host, port = host or parsed.host, port or parsed.port
    if not host or not port:
        raise ValueError(f"listener {data.get('name')!r}: neither address and port nor a url")
    if protocol == "http" and not url:
        url = f"http://{bt.join_host_port(host, int(port))}/announce"
    info_hash = bytes.fromhex(data["info_hash"]) if data.get("info_hash") else None
    if info_hash is not None and len(info_hash) != 20:
        raise ValueError(f"listener {data.get('name')!r}: an info-hash is 40 hex digits")
    return _Listener(
        str(data.get("name") or protocol), protocol, family, host, int(port), url, info_hash, data.get("refuses")
    )


# --------------------------------------------------------------------------------------------------------------------
# A swarm of two, on one listener
# --------------------------------------------------------------------------------------------------------------------


@dataclass
class _Participant:
    """One of our two peers: a session of its own, hence an address and port of its own."""

    client: bt.TrackerClient
    peer_id: bytes
    port: int
    left: int
    # Whether the tracker may count us: it may have got an announce although its answer was lost.
    announced: bool = False

    def announce(self, info_hash: bytes, event: str, timeout: float) -> bt.AnnounceResponse:
        announce = bt.Announce(info_hash, self.peer_id, self.port, event, left=self.left, num_want=50)
        before, self.announced = self.announced, True
        try:
            response = self.client.announce(announce, timeout=timeout)
        except (bt.RefusedError, bt.ConnectTimeoutError, bt.UnreachableError, bt.NoRouteError):
            self.announced = before  # raised before there was a connection, so nothing was announced
            raise
        self.announced = event != "stopped"
        return response


class _Stopwatch:
    def __init__(self) -> None:
        self._started = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last lap, to the millisecond."""
        now = time.monotonic()
        seconds, self._started = now - self._started, now
        return round(seconds, 3)


def _probe_listener(listener: _Listener, options: _Options) -> list[Verdict]:
    watch = _Stopwatch()
    try:
        # One address for both peers, so that they meet; and is there a way, before anything is sent?
        endpoint = bt.resolve(listener.host, listener.port, listener.family, timeout=options.timeout)[0]
        bt.local_address_towards(endpoint, options.bind.get(listener.family))
    except bt.TrackerError as error:
        return [_row("introduce", listener.target, _explain(error, listener), "", watch.lap())]
    with _Swarm(listener, endpoint, options) as swarm:
        given, fault = swarm.introduce()
        passed = f"two peers were each given the other; announce interval {swarm.interval} s"
        rows = [_row("introduce", listener.target, fault, passed, watch.lap())]
        if fault is None:
            seen = ", ".join(sorted({peer.address for peer in given}))
            rows.append(_row("address", listener.target, swarm.judge_addresses(given), f"seen as {seen}", watch.lap()))
            rows.append(_row("scrape", listener.target, swarm.judge_counts(), "1 seeder, 1 leecher", watch.lap()))
            rows.append(_row("leave", listener.target, swarm.leave(), "both peers left and are gone", watch.lap()))
    return rows


def _row(probe: str, target: str, fault: _Fault | None, passed: str, seconds: float) -> Verdict:
    if fault is None:
        return Verdict(probe, target, "passed", "", passed, "", seconds)
    return Verdict(probe, target, fault.status, fault.hop, fault.message, fault.next_step, seconds)


class _Swarm:
    """Two peers, a seeder and a leecher, in a swarm that nobody else can be in. Leaving the block leaves the swarm."""

    def __init__(self, listener: _Listener, endpoint: bt.Endpoint, options: _Options) -> None:
        self._listener, self._endpoint, self._options = listener, endpoint, options
        self._info_hash = listener.info_hash or bt.random_info_hash()
        self._last: bt.AnnounceResponse | None = None
        self._deadline = time.monotonic() + _TOTAL * options.timeout
        # The ports differ, since trackers tell peers of one address apart by the port.
        port = 1024 + secrets.randbelow(60000)
        self._first = _Participant(self._client(), bt.random_peer_id(), port, left=0)
        self._second = _Participant(self._client(), bt.random_peer_id(), port + 1 + secrets.randbelow(4000), left=1)

    def _client(self) -> bt.TrackerClient:
        listener, address, timeout = self._listener, self._endpoint.address, self._options.timeout
        bind = self._options.bind.get(listener.family)
        if listener.protocol == "udp":
            return bt.UdpTracker(address, listener.port, family=listener.family, timeout=timeout, bind=bind)
        return bt.HttpTracker(
            str(listener.url),
            address=address,
            port=listener.port,
            family=listener.family,
            timeout=timeout,
            bind=bind,
            context=self._options.context() if str(listener.url).startswith("https:") else None,
        )

    def __enter__(self) -> _Swarm:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Whatever happened: nobody else must be sent to a peer that is not there."""
        for participant in (self._first, self._second):
            # Without a connection id the UDP tracker never got an announce.
            if participant.announced and getattr(participant.client, "connected", True):
                # What goes wrong now has its verdict already.
                with contextlib.suppress(bt.TrackerError):
                    participant.announce(self._info_hash, "stopped", min(self._options.timeout, _LEAVE_TIMEOUT))
            participant.client.close()

    @property
    def interval(self) -> int | None:
        """The announce interval in seconds that the tracker last asked for."""
        return None if self._last is None else self._last.interval

    def _time(self) -> float:
        """Seconds for the next request: a tracker that is slow each time must not add up without end."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            total = _TOTAL * self._options.timeout
            raise bt.AnswerTimeoutError(f"{self._endpoint}: answers so slowly that {total:g} s were not enough")
        return min(self._options.timeout, left)

    def introduce(self) -> tuple[list[bt.Peer], _Fault | None]:
        """First, second, and first again announce. Returns first and second as they were given, or the fault."""
        given: list[bt.Peer] = []
        try:
            self._first.announce(self._info_hash, "started", self._time())
            for participant, other, event in (
                (self._second, self._first, "started"),
                (self._first, self._second, "none"),
            ):
                self._last = participant.announce(self._info_hash, event, self._time())
                peer, fault = _find_peer(self._listener, self._last, other)
                if peer is None:
                    return given, fault
                given.append(peer)
        except bt.TrackerError as error:
            return given, _explain(error, self._listener)
        return given, None

    def judge_addresses(self, given: Sequence[bt.Peer]) -> _Fault | None:
        """Compare what the tracker tells others about our peers with what their sockets say."""
        remote = _plain(self._endpoint.address)
        for peer, participant in zip(given, (self._first, self._second)):
            local = _plain(participant.client.local_address or "")
            if ipaddress.ip_address(peer.address) != ipaddress.ip_address(local):
                return _judge_address(local, peer.address, remote, self._options.container_networks)
        return None

    def judge_counts(self) -> _Fault | None:
        """Scrape and the last announce must both count one seeder and one leecher."""
        try:
            entry = self._first.client.scrape([self._info_hash], timeout=self._time())[self._info_hash]
        except bt.TrackerError as error:
            return _explain(error, self._listener)
        said = [("scrape", entry.seeders, entry.leechers)]
        if self._last is not None and self._last.seeders is not None and self._last.leechers is not None:
            said.append(("announce", self._last.seeders, self._last.leechers))
        for what, seeders, leechers in said:
            if (seeders, leechers) != (1, 1):
                message = (
                    f"the counts are wrong: the {what} says {seeders} seeders and {leechers} leechers "
                    "of a swarm with one of each"
                )
                return _Fault("tracker", message, _LOG)
        return None

    def leave(self) -> _Fault | None:
        """Both peers stop, and a last scrape must not count them any more."""
        try:
            for participant in (self._first, self._second):
                participant.announce(self._info_hash, "stopped", self._time())
            entry = self._first.client.scrape([self._info_hash], timeout=self._time())[self._info_hash]
        except bt.TrackerError as error:
            return _explain(error, self._listener)
        if not entry.seeders and not entry.leechers:
            return None
        message = (
            f"both peers left with 'stopped', but the tracker still counts {entry.seeders} seeders and "
            f"{entry.leechers} leechers"
        )
        return _Fault("tracker", message, f"Peers that left stay listed until max_peer_timeout. {_LOG}")


def _find_peer(
    listener: _Listener, response: bt.AnnounceResponse, other: _Participant
) -> tuple[bt.Peer | None, _Fault | None]:
    """The entry of the other peer in the form of this family, or what is wrong instead."""
    word = {"ipv4": "IPv4", "ipv6": "IPv6"}
    candidates = [peer for peer in response.peers if peer.port == other.port]
    for peer in candidates:
        if peer.family == listener.family and peer.mapped_ipv4 is None:
            return peer, None
    if candidates:
        peer = candidates[0]
        what = f"as {peer.address}, which {word[listener.family]} clients cannot use"
        if peer.mapped_ipv4 is not None and listener.family == "ipv4":
            what += " (18-byte IPv6 entries with IPv4-mapped addresses instead of 6-byte ones)"
        return None, _Fault(
            "tracker",
            f"the peers are introduced in the wrong form: {what}",
            "Give each address family a socket of its own in the tracker (0.0.0.0 and [::] on two container ports).",
        )
    counts = f"it counts {_count(response.seeders)} seeders and {_count(response.leechers)} leechers"
    others = ", ".join(bt.join_host_port(peer.address, peer.port) for peer in response.peers[:3])
    what = f"it gave {others} instead of port {other.port}" if others else f"it gave no peers; {counts}"
    step = _LOG
    if bt.is_ip_address(listener.host) and ipaddress.ip_address(_plain(listener.host)).is_loopback:
        # 3.0.0 does so, with an IPv4 address that it then cannot give to IPv6 clients.
        step = f"Probe another address than loopback, which trackers replace by their external_ip. {_LOG}"
    message = f"the tracker answers but does not introduce the two peers to each other: {what}"
    return None, _Fault("tracker", message, step)


def _count(number: int | None) -> str:
    return "an unknown number of" if number is None else str(number)


# --------------------------------------------------------------------------------------------------------------------
# Is the address that peers get ours?
# --------------------------------------------------------------------------------------------------------------------


def _plain(address: str) -> str:
    """The address without its zone."""
    return address.partition("%")[0]


def _judge_address(local: str, seen: str, remote: str, container_networks: Sequence[str]) -> _Fault:
    """Why the tracker sees another address than ours: rewritten on the host, or translated on the way."""
    ours, theirs = ipaddress.ip_address(local), ipaddress.ip_address(seen)
    sentence = f"this machine is {local}, but peers are told {seen}"
    if ours.is_loopback and (theirs.is_unspecified or not theirs.is_private):
        return _Fault(
            "tracker",
            f"{sentence}: the tracker replaces loopback addresses by its external_ip",
            "Probe an address of the host that is not loopback.",
            status="warned",
        )
    # Python counts shared address space (100.64.0.0/10) as neither private nor global.
    behind_nat = not ours.is_global and not ours.is_loopback and theirs.is_global and seen != remote
    networks = [*_DOCKER_POOLS, *container_networks]
    rewritten = any(theirs in ipaddress.ip_network(network) for network in networks)
    elsewhere = (
        ours.version == 4
        and not ours.is_global
        and not ours.is_loopback
        and not theirs.is_global
        and not ipaddress.ip_address(remote).is_global
        and seen != remote
    )
    if behind_nat or (elsewhere and not rewritten):
        return _Fault(
            "route",
            f"{sentence}: there is address translation (NAT) between this machine and the host, "
            "so whether the host keeps client addresses cannot be seen from here",
            "Run the test from a machine with a public address to be sure.",
            status="warned",
        )
    return _Fault(
        "container",
        f"{sentence}: the source address of clients is rewritten before the tracker sees it, "
        "so peers are sent to the wrong place",
        "On the host, Docker's proxy or a masquerading rule answers instead of the packet filter: check that the "
        "container network has this address family (docker network inspect torrust) and ip6tables is on; behind a "
        "reverse proxy, that the tracker trusts X-Forwarded-For.",
    )


# --------------------------------------------------------------------------------------------------------------------
# Health, API and names
# --------------------------------------------------------------------------------------------------------------------


def _probe_listener_health(listener: _Listener, options: _Options) -> list[Verdict]:
    url = bt.parse_url(str(listener.url))
    health = f"{url.scheme}://{bt.join_host_port(url.host, url.port)}/health_check"
    return [_probe_health("health", listener.target, health, listener, options)]


def _probe_api(data: Mapping[str, Any], options: _Options) -> list[Verdict]:
    url = str(data.get("url"))
    target = str(data.get("name") or "api")
    try:
        parsed = bt.parse_url(url)
    except bt.BadRequestError as error:
        return [_row("api", target, _explain(error, None), "", 0.0)]
    target = f"{target} {parsed}"
    listener = _Listener(
        "api",
        "http",
        str(data.get("family") or "any"),
        str(data.get("address") or parsed.host),
        int(data.get("port") or parsed.port),
        url,
        None,
        None,
    )
    return [_probe_health("api", target, url, listener, options)]


def _probe_health(probe: str, target: str, url: str, listener: _Listener, options: _Options) -> Verdict:
    watch = _Stopwatch()
    try:
        answer = bt.http_get(
            bt.parse_url(url),
            address=listener.host,
            port=listener.port,
            family=listener.family,
            timeout=options.timeout,
            bind=options.bind.get(listener.family),
            context=options.context() if url.startswith("https:") else None,
        )
        if answer.status != 200:
            bt.raise_for_status(answer)
        fault = _judge_health(answer.body)
    except bt.TrackerError as error:
        fault = _explain(error, listener)
    return _row(probe, target, fault, "healthy", watch.lap())


def _judge_health(body: bytes) -> _Fault | None:
    try:
        report = json.loads(body)
    except (ValueError, RecursionError):
        return _Fault(
            "container",
            f"answered with HTTP 200, but by something that is not the tracker: {bt.printable(body, 60)!r}",
            "See what listens there: docker compose -p torrust ps",
        )
    status = report.get("status") if isinstance(report, dict) else None
    if status == "Ok":
        return None
    return _Fault(
        "tracker",
        f"the tracker reports its own status as {bt.printable(str(status), 60)!r} instead of 'Ok'",
        _LOG,
    )


def _probe_name(listener: _Listener, options: _Options) -> list[Verdict]:
    """Clients use the name, even if we were told the address: does it lead there?"""
    name = bt.parse_url(listener.url).host if listener.url else listener.host
    if name == listener.host or bt.is_ip_address(name):
        return []
    watch, target = _Stopwatch(), listener.target
    record = {"ipv4": "A", "ipv6": "AAAA"}[listener.family]
    step = f"Add or correct the {record} record of {name}: {listener.host}"
    try:
        found = [e.address for e in bt.resolve(name, listener.port, listener.family, timeout=options.timeout)]
    except bt.NameResolutionError as error:
        return [_row("dns", target, _Fault("dns", str(error), step, "warned"), "", watch.lap())]
    fault = None
    if bt.is_ip_address(listener.host) and listener.host not in found:
        message = f"{name} is {', '.join(found)}, not {listener.host}: clients go elsewhere (a proxy or an old record)"
        fault = _Fault("dns", message, step, "warned")
    return [_row("dns", target, fault, f"{name} is {', '.join(found)}", watch.lap())]


# --------------------------------------------------------------------------------------------------------------------
# From an error of the client to the broken hop
# --------------------------------------------------------------------------------------------------------------------

_REFUSALS = (
    # (word in the reason, kind, sentence, next step)
    (
        "whitelist",
        "listed",
        "the tracker serves listed torrents only (core.listed), and the probe's is not on its whitelist",
        "This is as configured. To see it serve, put an info-hash on the whitelist and probe with that one.",
    ),
    (
        "x-forwarded-for",
        "proxy",
        "the tracker expects a reverse proxy in front (on_reverse_proxy), but was reached directly",
        "Probe the proxy's URL, or do not publish this port, or turn the reverse proxy off for this listener.",
    ),
    (
        "connection id",
        "connection",
        (
            "the tracker does not accept the connection ID that it gave: the client's source port or address changes "
            "between packets, or it has been banned"
        ),
        "Look for address translation of UDP between here and the container, and at the tracker's log.",
    ),
    (
        "auth",
        "private",
        "the tracker is private (core.private) and wants a key",
        "This is as configured. To see it serve, put a key into the announce URL: /announce/KEY.",
    ),
    (
        "key",
        "private",
        "the tracker is private (core.private) and wants a key",
        "This is as configured. To see it serve, put a key into the announce URL: /announce/KEY.",
    ),
)


def _explain(error: bt.TrackerError, listener: _Listener | None) -> _Fault:
    """The hop that an error of the client points at, and what to do."""
    port = listener.port_name if listener else "the port"
    host = listener.host if listener else "the host"
    flag = "u" if listener and listener.protocol == "udp" else "t"
    number = listener.port if listener else 0
    look = f"on the host: docker compose -p torrust ps; ss -ln{flag}p 'sport = :{number}'"
    text = str(error)
    if isinstance(error, bt.BadRequestError):
        return _Fault("tracker", text, "Correct the URL.")
    if isinstance(error, bt.NameResolutionError):
        return _Fault("dns", text, f"Add the DNS record of {host}, or wait until it is published: dig {host}")
    if isinstance(error, bt.NoRouteError):
        step = "Run the test from a machine that has this address family."
        return _Fault("route", f"{text}, so nothing was tried", step, status="untested")
    if isinstance(error, bt.UnreachableError):
        return _Fault("route", text, f"Is {host} up, and is this still its address? ping {host}")
    if isinstance(error, bt.ForbiddenError):
        return _Fault("firewall", text, f"A filter here or on the way rejects {port}: allow it.")
    if isinstance(error, bt.ConnectTimeoutError):
        return _Fault(
            "firewall",
            f"{text}: the packets or the answers are dropped",
            f"Let {port} through the provider's firewall and the host's: iptables -nvL DOCKER-USER (and ip6tables); "
            "if that is right, see whether the tracker answers this address family at all.",
        )
    if isinstance(error, bt.RefusedError):
        return _Fault("port", f"{text}: nothing listens on {port}", f"Look {look}")
    if isinstance(error, bt.TlsError):
        return _Fault("container", text, "Look at the proxy's certificates: docker compose -p torrust logs caddy")
    if isinstance(error, bt.ClosedError):
        return _Fault("container", f"{text}: the port is published, but no tracker answers behind it", f"Look {look}")
    if isinstance(error, bt.AnswerTimeoutError):
        udp = listener is not None and listener.protocol == "udp"
        return _Fault("tracker" if udp else "container", text, _LOG)
    if isinstance(error, bt.HttpStatusError):
        return _explain_status(error, look)
    if isinstance(error, bt.TrackerFailureError):
        return _explain_refusal(error, listener)
    if isinstance(error, bt.NotATrackerError):
        return _Fault("container", f"{text}: something that is not a tracker answers on {port}", f"Look {look}")
    if isinstance(error, bt.WrongTransactionError):
        return _Fault("tracker", text, _LOG)
    if isinstance(error, bt.MalformedAnswerError):
        return _Fault("tracker", f"the tracker answers wrongly: {text}", _LOG)
    return _Fault("route", text, f"ping {host}")


def _explain_status(error: bt.HttpStatusError, look: str) -> _Fault:
    if error.status in (502, 503, 504):
        return _Fault("container", f"the proxy answers, but not the service behind it: {error}", f"Look {look}")
    if error.status >= 500:
        return _Fault("tracker", f"the tracker fails: {error}", _LOG)
    return _Fault("container", f"something answers here, but not a tracker at this path: {error}", f"Look {look}")


def _explain_refusal(error: bt.TrackerFailureError, listener: _Listener | None) -> _Fault:
    reason = error.reason.lower()
    for word, kind, sentence, step in _REFUSALS:
        if word in reason:
            expected = listener is not None and listener.refuses == kind
            return _Fault("tracker", f"{sentence} ({error.reason})", step, "untested" if expected else "failed")
    return _Fault("tracker", str(error), _LOG)
