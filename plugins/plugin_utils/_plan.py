# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Plan: every fact that follows from an Environment and the catalogue. Pure.

Templates, playbooks, ``show`` and ``test`` read it and nothing else; a rule that two of them need is decided here.
It holds no secret: where one is needed it names it.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ansible_collections.torrust.deployer.plugins.plugin_utils._address import (
    BindAddress,
    Family,
    family_of,
    url,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import (
    Catalogue,
    TrackerRelease,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import (
    Endpoint,
    Environment,
    LxdProvider,
)

PLAN_FORMAT = 1

DEPLOY_DIRECTORY = "/opt/torrust"
PROJECT = "torrust"
NETWORK = "torrust"
BRIDGE = "torrust0"

Kind = Literal["udp_tracker", "http_tracker", "http_api", "health_check_api"]
Scope = Literal["public", "host", "container"]
Protocol = Literal["udp", "tcp"]

# Added to a listener's port where that one is taken already inside the container.
_SECOND_SOCKET_OFFSET = 10000


@dataclass(frozen=True)
class Socket:
    """A socket the service opens inside its container; ``bind`` is written in the service's configuration."""

    bind: str
    port: int
    family: Literal["ipv4", "ipv6", "both"]


@dataclass(frozen=True)
class Publication:
    """A port of the host that the container runtime forwards into a container."""

    host_address: str
    host_port: int
    container_port: int
    protocol: Protocol
    family: Family


@dataclass(frozen=True)
class Listener:
    """Something that clients reach. ``exposure`` says how: ``published`` through the bridge, or not at all (``none``).

    ``scope``: who can reach it (the internet, programs on the host, only its own container).
    """

    id: str
    kind: Kind
    service: str
    protocol: Protocol
    port: int
    families: tuple[Family, ...]
    scope: Scope
    exposure: Literal["published", "none"]
    sockets: tuple[Socket, ...]
    publications: tuple[Publication, ...]
    domain: str | None


@dataclass(frozen=True)
class Network:
    """The bridge network of the stack: its bridge interface and its IPv6 subnet (a ULA of its own)."""

    name: str
    bridge: str
    ipv6_subnet: str


@dataclass(frozen=True)
class Directory:
    """A data directory on the host with its owner and mode."""

    path: str
    uid: int
    gid: int
    mode: str


@dataclass(frozen=True)
class ConfigFile:
    """A configuration file of a service: template in its role, place under its configuration directory."""

    path: str
    template: str
    mode: str


@dataclass(frozen=True)
class Service:
    """A container of the stack. ``role`` holds its templates and compose fragment.

    ``environment``: its environment variables; ``secrets``: those whose value is a secret, as variable -> secret name.
    """

    name: str
    role: str
    image: str
    uid: int
    gid: int
    architectures: tuple[str, ...]
    files: tuple[ConfigFile, ...]
    directories: tuple[Directory, ...]
    environment: dict[str, str]
    secrets: dict[str, str]


@dataclass(frozen=True)
class FirewallRule:
    """Traffic let in: to the host itself (``input``) or to a published port (``forward``)."""

    chain: Literal["input", "forward"]
    protocol: Protocol
    port: int
    family: Family
    destination: str | None
    purpose: str


@dataclass(frozen=True)
class KernelSetting:
    """A sysctl with the value wanted and the reason."""

    key: str
    value: str
    why: str


@dataclass(frozen=True)
class Tracker:
    """What the tracker's configuration file says."""

    release: str
    schema: str
    database_driver: str
    database_path: str
    private: bool
    listed: bool
    announce_interval: int
    announce_interval_min: int
    on_reverse_proxy: bool


@dataclass(frozen=True)
class Host:
    """What the machine must be."""

    firewall: bool
    automatic_updates: bool
    kernel_tuning: bool
    ssh_port: int
    ssh_user: str
    kernel_modules: tuple[str, ...]
    kernel_settings: tuple[KernelSetting, ...]
    firewall_rules: tuple[FirewallRule, ...]


@dataclass(frozen=True)
class Instance:
    """The server to be made: variables of the provider's OpenTofu configuration (no secret among them)."""

    provider: str
    managed: bool
    name: str
    variables: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """All derived facts of one environment."""

    format: int
    environment: str
    instance: Instance
    host: Host
    network: Network
    services: tuple[Service, ...]
    listeners: tuple[Listener, ...]
    tracker: Tracker
    image_archive: str | None
    deploy_directory: str = DEPLOY_DIRECTORY
    project: str = PROJECT

    def document(self) -> dict[str, Any]:
        """The Plan as JSON-serialisable data."""
        return asdict(self)

    def listeners_of(self, kind: Kind) -> tuple[Listener, ...]:
        """The listeners of one kind, in the order of the env file."""
        return tuple(listener for listener in self.listeners if listener.kind == kind)


def make_plan(environment: Environment, catalogue: Catalogue) -> Plan:
    """Derive everything. ``environment`` has been checked, so its release is in the catalogue."""
    release = catalogue.releases[environment.tracker.release]
    image = catalogue.images["tracker"]
    storage = f"{DEPLOY_DIRECTORY}/storage/tracker"
    listeners = tuple(_listeners(environment, release))
    tracker = environment.tracker
    return Plan(
        format=PLAN_FORMAT,
        environment=environment.name,
        instance=_instance(environment),
        host=_host(environment, listeners),
        network=Network(NETWORK, BRIDGE, _ula_subnet(environment.name)),
        services=(
            Service(
                name="tracker",
                role="tracker",
                image=f"{image.repository}:{release.tag}",
                uid=image.uid,
                gid=image.gid,
                architectures=image.architectures,
                files=(ConfigFile("tracker.toml", f"tracker-{release.schema}.toml.j2", "0400"),),
                directories=(
                    Directory(f"{storage}/lib", image.uid, image.gid, "0750"),
                    Directory(f"{storage}/lib/database", image.uid, image.gid, "0750"),
                    Directory(f"{storage}/log", image.uid, image.gid, "0750"),
                ),
                environment={
                    "TORRUST_TRACKER_CONFIG_TOML_PATH": "/etc/torrust/tracker/tracker.toml",
                    # The image sets it to sqlite3 and it wins over the file, so it must equal the file.
                    "TORRUST_TRACKER_CONFIG_OVERRIDE_CORE__DATABASE__DRIVER": tracker.database_driver,
                },
                secrets={
                    "TORRUST_TRACKER_CONFIG_OVERRIDE_HTTP_API__ACCESS_TOKENS__ADMIN": "tracker.http_api.admin_token"
                }
                if tracker.http_api
                else {},
            ),
        ),
        listeners=listeners,
        tracker=Tracker(
            release=release.name,
            schema=release.schema,
            database_driver=tracker.database_driver,
            database_path=f"/var/lib/torrust/tracker/database/{tracker.database_name}",
            private=tracker.private,
            listed=tracker.listed,
            announce_interval=tracker.announce_interval,
            announce_interval_min=tracker.announce_interval_min,
            on_reverse_proxy=any(endpoint.tls for endpoint in tracker.http_trackers),
        ),
        image_archive=environment.image_archive,
    )


# -- listeners ------------------------------------------------------------------------------------------------------


class _ContainerPorts:
    """Which ports are left inside the tracker's container, where every socket listens on all addresses.

    So two listeners that share a port on different addresses of the host need different ports in there, and so do the
    two sockets of one listener on a release that cannot bind a port once per family.
    """

    def __init__(self, asked: Iterable[tuple[Protocol, int]], *, per_family: bool) -> None:
        self._asked = frozenset(asked)
        self._per_family = per_family
        self._open: set[tuple[Protocol, int, str]] = set()

    def take(self, protocol: Protocol, port: int, *families: Family) -> int:
        """``port`` if it is still free for a socket of these families, else another that nobody asks for."""
        kinds = families if self._per_family else ("any",)
        chosen = port
        while self._taken(protocol, chosen, kinds, own=port):
            chosen = chosen + _SECOND_SOCKET_OFFSET if chosen == port else chosen + 1
            if chosen > 65535:
                chosen = 1024
        self._open.update((protocol, chosen, kind) for kind in kinds)
        return chosen

    def _taken(self, protocol: Protocol, port: int, kinds: Sequence[str], *, own: int) -> bool:
        if port != own and (protocol, port) in self._asked:
            return True
        return any((protocol, port, kind) in self._open for kind in kinds)


def _listeners(environment: Environment, release: TrackerRelease) -> Iterator[Listener]:
    tracker = environment.tracker
    health = tracker.health_check_api
    tcp = [*tracker.http_trackers, *([tracker.http_api] if tracker.http_api else []), health]
    asked: list[tuple[Protocol, int]] = [("udp", endpoint.bind.port) for endpoint in tracker.udp_trackers]
    asked += [("tcp", endpoint.bind.port) for endpoint in tcp]
    ports = _ContainerPorts(asked, per_family="ipv6_v6only" in release.features)
    # It is reached at the port it asks for: the container's own health check knows no other.
    ports.take("tcp", health.bind.port, "ipv4", "ipv6")
    for endpoint in tracker.udp_trackers:
        yield _published(endpoint, "udp_tracker", "udp", ports)
    for endpoint in tracker.http_trackers:
        yield _published(endpoint, "http_tracker", "tcp", ports)
    if tracker.http_api:
        yield _published(tracker.http_api, "http_api", "tcp", ports)
    yield Listener(
        id=health.key,
        kind="health_check_api",
        service="tracker",
        protocol="tcp",
        port=health.bind.port,
        families=health.bind.families,
        scope="container",
        exposure="none",
        sockets=(_health_socket(health.bind),),
        publications=(),
        domain=health.domain,
    )


def _published(
    endpoint: Endpoint,
    kind: Kind,
    protocol: Protocol,
    ports: _ContainerPorts,
) -> Listener:
    sockets = _sockets(endpoint.bind, kind, protocol, ports)
    return Listener(
        id=endpoint.key,
        kind=kind,
        service="tracker",
        protocol=protocol,
        port=endpoint.bind.port,
        families=endpoint.bind.families,
        scope="host" if endpoint.bind.ip.is_loopback else "public",
        exposure="published",
        sockets=sockets,
        publications=tuple(_publications(endpoint.bind, protocol, sockets)),
        domain=endpoint.domain,
    )


def _sockets(bind: BindAddress, kind: Kind, protocol: Protocol, ports: _ContainerPorts) -> tuple[Socket, ...]:
    """The sockets inside the container that serve every family the bind address asks for.

    A tracker must see IPv4 clients on an IPv4 socket, or it hands their addresses out in IPv6 form, which IPv4 clients
    cannot use. So a dual-stack tracker listener is two sockets. The API has one socket and introduces nobody.
    """
    if kind == "http_api" and len(bind.families) == 2:
        port = ports.take(protocol, bind.port, "ipv4", "ipv6")
        return (Socket(f"[::]:{port}", port, "both"),)
    return tuple(_socket(family, ports.take(protocol, bind.port, family)) for family in bind.families)


def _socket(family: Family, port: int) -> Socket:
    return Socket(f"{'0.0.0.0' if family == 'ipv4' else '[::]'}:{port}", port, family)


def _publications(bind: BindAddress, protocol: Protocol, sockets: Sequence[Socket]) -> Iterator[Publication]:
    for family in bind.families:
        address = ("0.0.0.0" if family == "ipv4" else "::") if bind.is_any else str(bind.ip)
        for socket in sockets:
            if socket.family in (family, "both"):
                yield Publication(address, bind.port, socket.port, protocol, family)


def _health_socket(bind: BindAddress) -> Socket:
    """The address is the container's own: loopback stays, any other address exists only outside and becomes all."""
    if bind.ip.is_loopback:
        return Socket(str(bind), bind.port, bind.families[0])
    if bind.ip.version == 4:
        return Socket(f"0.0.0.0:{bind.port}", bind.port, "ipv4")
    return Socket(f"[::]:{bind.port}", bind.port, "both")


# -- host -----------------------------------------------------------------------------------------------------------


def _host(environment: Environment, listeners: Sequence[Listener]) -> Host:
    rules: list[FirewallRule] = [
        FirewallRule("input", "tcp", environment.ssh.port, family, None, "SSH") for family in ("ipv4", "ipv6")
    ]
    for listener in listeners:
        for publication in listener.publications:
            if listener.scope != "public":
                continue
            destination = None if publication.host_address in ("0.0.0.0", "::") else publication.host_address
            rules.append(
                FirewallRule(
                    "forward",
                    listener.protocol,
                    publication.host_port,
                    publication.family,
                    destination,
                    listener.id,
                )
            )
    return Host(
        firewall=environment.host.firewall,
        automatic_updates=environment.host.automatic_updates,
        kernel_tuning=environment.host.kernel_tuning,
        ssh_port=environment.ssh.port,
        ssh_user=environment.ssh.username,
        kernel_modules=("nf_conntrack",),
        kernel_settings=_KERNEL_SETTINGS,
        firewall_rules=tuple(rules),
    )


_KERNEL_SETTINGS = (
    KernelSetting(
        "net.netfilter.nf_conntrack_max",
        "1048576",
        "every UDP client is a tracked connection; a full table drops packets",
    ),
    KernelSetting(
        "net.netfilter.nf_conntrack_udp_timeout",
        "10",
        "an announce is over in a second",
    ),
    KernelSetting(
        "net.netfilter.nf_conntrack_udp_timeout_stream",
        "15",
        "an announce is over in a second",
    ),
    KernelSetting(
        "net.core.rmem_max",
        "8388608",
        "bursts of announces must fit the receive buffer",
    ),
    KernelSetting(
        "net.core.rmem_default",
        "1048576",
        "the tracker does not enlarge its receive buffer itself",
    ),
    KernelSetting(
        "net.core.netdev_max_backlog",
        "5000",
        "bursts of announces must fit the backlog",
    ),
)


def _ula_subnet(name: str) -> str:
    """A /64 of unique local addresses, the same for the same environment name, unlikely the same for two names."""
    digest = hashlib.sha256(f"torrust-deployer/{name}".encode()).digest()
    prefix = bytes([0xFD]) + digest[:7]
    return str(ipaddress.IPv6Network((int.from_bytes(prefix + bytes(8), "big"), 64)))


def _instance(environment: Environment) -> Instance:
    provider = environment.provider
    if not isinstance(provider, LxdProvider):
        return Instance("existing", False, environment.instance_name, {})
    return Instance(
        provider="lxd",
        managed=True,
        name=environment.instance_name,
        variables={
            "instance_name": environment.instance_name,
            "profile_name": provider.profile_name,
            "instance_type": provider.type,
            "image": provider.image,
            "cpu": str(provider.cpu),
            "memory": provider.memory,
            "disk": provider.disk,
            "network": provider.network,
            "storage_pool": provider.storage_pool,
            "extra_config": dict(provider.config),
        },
    )


# -- addresses ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """One listener at one address of one family, as a client names it; ``url`` is what users are told."""

    id: str
    kind: Kind
    family: Family | None
    address: str
    port: int
    url: str


def targets(plan: Plan, addresses: Sequence[str]) -> tuple[Target, ...]:
    """Every public listener at every given address of a family that it serves (names: all families)."""
    return tuple(
        Target(
            listener.id,
            listener.kind,
            family_of(address),
            address,
            listener.port,
            listener_url(listener, address),
        )
        for listener in plan.listeners
        if listener.scope == "public"
        for address in addresses
        if family_of(address) in (*listener.families, None)
    )


def listener_url(listener: Listener, host: str) -> str:
    """The URL of a listener at a host, as clients are given it."""
    if listener.kind == "udp_tracker":
        return url("udp", host, listener.port, "/announce")
    path = {
        "http_tracker": "/announce",
        "http_api": "/api/v1",
        "health_check_api": "/health_check",
    }[listener.kind]
    return url("http", host, listener.port, path)
