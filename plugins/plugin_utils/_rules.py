# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of an env file that a JSON Schema cannot say, one small function each.

``text_rules`` look at the data as written, ``rules`` at an Environment that already obeys the schema.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.torrust.deployer.plugins.plugin_utils._address import (
    is_domain,
    is_host,
    parse_bind_address,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import (
    catalogue,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import (
    Endpoint,
    Environment,
    ExistingProvider,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._problems import (
    Path,
    Problem,
    Severity,
    did_you_mean,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._schema import (
    schema,
    variants,
)

PLACEHOLDER = "REPLACE_WITH_"
DEFAULT_SECRETS = frozenset({"MyAccessToken", "admin", "password", "changeme", "secret"})
MINIMUM_SECRET_LENGTH = 16

# Sections of the env file that upstream knows and this release cannot deploy yet: (path, value or None for any).
_NOT_YET: tuple[tuple[Path, object], ...] = (
    (("provider", "provider"), "hetzner"),
    (("tracker", "core", "database", "driver"), "mysql"),
    (("prometheus",), None),
    (("grafana",), None),
    (("https",), None),
    (("backup",), None),
)


def text_rules(data: Mapping[str, Any]) -> list[Problem]:
    """Rules on values as written: placeholders, formats, sections that are not there yet."""
    found: list[Problem] = []
    for path, node, value in _walk(data, schema(), ()):
        if isinstance(value, str):
            if PLACEHOLDER in value:
                # A secret may be filled in later on the machine that applies the file; nothing else can.
                severity: Severity = "warning" if node.get("x-secret") else "error"
                found.append(
                    Problem(
                        "placeholder",
                        path,
                        "is still the template's placeholder",
                        "write your own value",
                        severity=severity,
                    )
                )
            elif node.get("x-format") == "bind-address":
                found.extend(_bind_address(path, value))
            elif node.get("x-format") == "domain" and not is_domain(value):
                found.append(
                    Problem(
                        "bad-domain",
                        path,
                        "is not a DNS host name",
                        "write a name such as tracker.example.org",
                        value,
                    )
                )
    found.extend(_not_yet(data))
    return found


def _walk(value: Any, node: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Mapping[str, Any], Any]]:
    for variant in variants(node, value):
        yield path, variant, value
        # Only where the schema goes: YAML can hold far more than is written, with aliases.
        if isinstance(value, list) and "items" in variant:
            for index, item in enumerate(value):
                yield from _walk(item, variant["items"], (*path, index))
        elif isinstance(value, Mapping):
            for key, child in variant.get("properties", {}).items():
                if key in value:
                    yield from _walk(value[key], child, (*path, key))


def _bind_address(path: Path, value: str) -> Iterator[Problem]:
    try:
        bind = parse_bind_address(value)
    except ValueError as error:
        yield Problem(
            "bad-bind-address",
            path,
            str(error),
            "write an address such as 0.0.0.0:6969 or [::]:6969",
            value,
        )
        return
    if bind.port == 0:
        yield Problem(
            "dynamic-port",
            path,
            "port 0 (any free port) cannot be deployed: clients and the firewall must know the port",
            "write a port from 1 to 65535, such as 6969 (UDP), 7070 (HTTP), 1212 (API) or 1313 (health check)",
            value,
        )


def _not_yet(data: Mapping[str, Any]) -> Iterator[Problem]:
    for path, refused in _NOT_YET:
        value: Any = data
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None and (refused is None or value == refused):
            yield Problem(
                "not-yet",
                path,
                f"{'.'.join(map(str, path)) if refused is None else refused} cannot be deployed by this release yet",
                "remove the section" if refused is None else "see the README for what can be deployed today",
            )


Rule = Callable[[Environment, Mapping[str, Any]], Iterator[Problem]]


def rules(environment: Environment, secrets: Mapping[str, Any]) -> list[Problem]:
    """All rules on an Environment. ``secrets``: their sources by path (literals are looked at, never shown)."""
    return [problem for rule in _RULES for problem in rule(environment, secrets)]


def _endpoints(environment: Environment) -> Iterator[tuple[Path, str, Endpoint]]:
    """Every endpoint with its path and the protocol of its socket on the host."""
    tracker = environment.tracker
    for index, endpoint in enumerate(tracker.udp_trackers):
        yield ("tracker", "udp_trackers", index), "udp", endpoint
    for index, endpoint in enumerate(tracker.http_trackers):
        yield ("tracker", "http_trackers", index), "tcp", endpoint
    if tracker.http_api:
        yield ("tracker", "http_api"), "tcp", tracker.http_api
    yield ("tracker", "health_check_api"), "tcp", tracker.health_check_api


def instance_name_length(environment: Environment, _secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """A provider takes at most 63 characters; only the generated name can be longer."""
    if len(environment.instance_name) > 63:
        yield Problem(
            "instance-name-too-long",
            ("environment", "name"),
            f"makes the server's name {len(environment.instance_name)} characters long; 63 are possible",
            "shorten it to 44 characters or set environment.instance_name",
            environment.name,
        )


def port_clashes(environment: Environment, _secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """Two sockets of one protocol that cannot both be had, over all services, address families and SSH."""
    seen: list[tuple[str, str, Endpoint]] = []
    for path, protocol, endpoint in _endpoints(environment):
        name = ".".join(str(part) for part in path)
        for other_name, other_protocol, other in seen:
            if protocol == other_protocol and endpoint.bind.overlaps(other.bind):
                yield Problem(
                    "port-clash",
                    (*path, "bind_address"),
                    f"{endpoint.bind} ({protocol}) is also asked for by {other_name} ({other.bind})",
                    "give one of them another port (UDP and TCP may share one)",
                    str(endpoint.bind),
                )
        seen.append((name, protocol, endpoint))
        container_only = endpoint.key == "health_check_api"
        if protocol == "tcp" and not container_only and endpoint.bind.port == environment.ssh.port:
            yield Problem(
                "port-clash",
                (*path, "bind_address"),
                f"port {endpoint.bind.port} is the server's SSH port",
                "choose another port",
                str(endpoint.bind),
            )


def duplicate_domains(environment: Environment, _secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """One name can stand for one HTTPS site only."""
    seen: dict[str, str] = {}
    for path, _protocol, endpoint in _endpoints(environment):
        if endpoint.tls and endpoint.domain:
            first = seen.setdefault(endpoint.domain.lower(), endpoint.key)
            if first != endpoint.key:
                yield Problem(
                    "duplicate-domain",
                    (*path, "domain"),
                    f"is already the domain of {first}",
                    "give each HTTPS service its own name",
                    endpoint.domain,
                )


def tls_rules(environment: Environment, _secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """TLS needs a name, a bind address that the proxy reaches, and the https section."""
    for path, _protocol, endpoint in _endpoints(environment):
        if not endpoint.tls:
            continue
        here = (*path, "use_tls_proxy")
        if not endpoint.domain:
            yield Problem(
                "tls-needs-domain",
                here,
                "HTTPS needs a domain",
                "add domain, or remove use_tls_proxy",
            )
        if endpoint.bind.ip.is_loopback:
            yield Problem(
                "tls-on-loopback",
                (*path, "bind_address"),
                "the HTTPS proxy cannot reach a loopback address",
                "bind to 0.0.0.0 or [::], or remove use_tls_proxy",
                str(endpoint.bind),
            )
        yield Problem(
            "not-yet",
            here,
            "HTTPS cannot be deployed by this release yet",
            "remove use_tls_proxy",
        )


def reachability(environment: Environment, _secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """A tracker that no client can reach is legal but hardly meant."""
    tracker = environment.tracker
    if not tracker.udp_trackers and not tracker.http_trackers:
        yield Problem(
            "no-trackers",
            ("tracker", "udp_trackers"),
            "neither a UDP nor an HTTP tracker is asked for",
            "add one to udp_trackers or http_trackers",
            severity="warning",
        )
    for path, _protocol, endpoint in _endpoints(environment):
        if endpoint.key.startswith(("udp_trackers", "http_trackers")) and endpoint.bind.ip.is_loopback:
            yield Problem(
                "loopback-tracker",
                (*path, "bind_address"),
                "only programs on the server itself can reach it",
                "bind to 0.0.0.0 (IPv4) or [::] (IPv4 and IPv6)",
                str(endpoint.bind),
                severity="warning",
            )


def release_features(environment: Environment, _secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """The release must exist and be able to do what is asked."""
    releases = catalogue().releases
    asked = environment.tracker.release
    if asked not in releases:
        yield Problem(
            "unknown-release",
            ("tracker", "release"),
            "is not a tracker release of the catalogue" + did_you_mean(asked, releases),
            f"write one of: {', '.join(sorted(releases))}",
            asked,
        )


def weak_secrets(_environment: Environment, secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """A well-known or short literal is legal and unwise."""
    for path, source in secrets.items():
        parts: Path = tuple(path.split("."))
        if isinstance(source, str) and source in DEFAULT_SECRETS:
            yield Problem(
                "default-secret",
                parts,
                "is a default that everybody knows",
                "remove the key: a strong one is generated",
                severity="warning",
            )
        elif isinstance(source, str) and len(source) < MINIMUM_SECRET_LENGTH:
            yield Problem(
                "weak-secret",
                parts,
                f"is shorter than {MINIMUM_SECRET_LENGTH} characters",
                "write a longer one, or remove the key: a strong one is generated",
                severity="warning",
            )


def public_api(environment: Environment, _secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """An API without TLS sends its token in clear."""
    api = environment.tracker.http_api
    if api and not api.tls and not api.bind.ip.is_loopback:
        yield Problem(
            "public-api",
            ("tracker", "http_api", "bind_address"),
            "the API is public and its token travels in clear",
            "bind it to 127.0.0.1 and reach it through an SSH tunnel",
            str(api.bind),
            severity="warning",
        )


def key_files(environment: Environment, _secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys may be elsewhere (an agent, another controller): a missing one is a warning until an operation needs it."""
    for key, path in (
        ("private_key_path", environment.ssh.private_key_path),
        ("public_key_path", environment.ssh.public_key_path),
    ):
        if not os.path.isfile(path):
            yield Problem(
                "key-file-missing",
                ("ssh_credentials", key),
                "there is no such file on this machine",
                "create the key with ssh-keygen, or mend the path",
                path,
                severity="warning",
            )


def archive_directory(environment: Environment, _secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """An image archive directory holds an ``index.json``."""
    archive = environment.image_archive
    if archive and not os.path.isfile(os.path.join(archive, "index.json")):
        yield Problem(
            "image-archive-missing",
            ("images", "archive"),
            "there is no index.json of image archives in this directory",
            "mend the path, or remove images to use the registry",
            archive,
            severity="warning",
        )


def existing_address(environment: Environment, _secrets: Mapping[str, Any]) -> Iterator[Problem]:
    """An address is an IP literal without brackets or a host name."""
    provider = environment.provider
    if isinstance(provider, ExistingProvider) and provider.address and not is_host(provider.address):
        yield Problem(
            "bad-address",
            ("provider", "address"),
            "must be an IPv4 or IPv6 address (without brackets) or a host name",
            "write an address such as 203.0.113.7, 2001:db8::7 or host.example.org",
            provider.address,
        )


_RULES: tuple[Rule, ...] = (
    instance_name_length,
    key_files,
    existing_address,
    archive_directory,
    release_features,
    port_clashes,
    duplicate_domains,
    tls_rules,
    reachability,
    weak_secrets,
    public_api,
)
