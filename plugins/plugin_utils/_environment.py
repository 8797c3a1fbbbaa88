# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Environment: what the user said, checked, typed, frozen, with defaults filled in.

Its document (``Environment.document``) is what the record keeps: the env file's own form with every secret replaced
by ``{"stored": "<path>"}``, so neither the Environment nor the record ever holds a secret.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from ansible_collections.torrust.deployer.plugins.plugin_utils._address import (
    BindAddress,
    parse_bind_address,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._problems import (
    Path,
    Problem,
    errors,
    format_path,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._schema import (
    secret_paths,
    violations,
    with_defaults,
)


@dataclass(frozen=True)
class Ssh:
    """How to log in: absolute key paths on the controller, user, port."""

    private_key_path: str
    public_key_path: str
    username: str
    port: int


@dataclass(frozen=True)
class LxdProvider:
    """An instance on a local LXD; sizes as LXD writes them (``2GiB``)."""

    profile_name: str
    type: str
    image: str
    cpu: int
    memory: str
    disk: str
    network: str
    storage_pool: str
    config: Mapping[str, str]
    provider: str = "lxd"


@dataclass(frozen=True)
class ExistingProvider:
    """A machine that is already there; its address may come with ``register`` instead."""

    address: str | None
    provider: str = "existing"


@dataclass(frozen=True)
class Endpoint:
    """One thing that listens: where, under which name, whether over TLS. ``key`` is its path in the env file."""

    key: str
    bind: BindAddress
    domain: str | None
    tls: bool


@dataclass(frozen=True)
class Tracker:
    """The tracker as asked for; intervals in seconds."""

    release: str
    database_driver: str
    database_name: str
    private: bool
    listed: bool
    announce_interval: int
    announce_interval_min: int
    udp_trackers: tuple[Endpoint, ...]
    http_trackers: tuple[Endpoint, ...]
    http_api: Endpoint | None
    health_check_api: Endpoint


@dataclass(frozen=True)
class HostSettings:
    """What of the machine is managed."""

    firewall: bool
    automatic_updates: bool
    kernel_tuning: bool


@dataclass(frozen=True)
class Environment:
    """One environment. ``document`` is its env file form without secrets, defaults filled in."""

    name: str
    description: str
    instance_name: str
    ssh: Ssh
    provider: LxdProvider | ExistingProvider
    tracker: Tracker
    image_archive: str | None
    host: HostSettings
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Checked:
    """Outcome of checking an env file: problems in order of place; an Environment unless one of them is an error.

    ``secrets`` maps the path of each secret in the file to where its value comes from (a literal, ``{env: NAME}`` or
    ``{file: PATH}``); nothing is read from there before the file is applied.
    """

    problems: tuple[Problem, ...]
    environment: Environment | None
    secrets: Mapping[str, Any]


def default_instance_name(name: str) -> str:
    """The server's name when the env file gives none (as upstream names it)."""
    return f"torrust-tracker-vm-{name}"


def check(data: Any, base: FilePath) -> Checked:
    """Check env file data completely: schema first, then every rule. ``base``: directory relative paths start from."""
    from ansible_collections.torrust.deployer.plugins.plugin_utils import (
        _rules,
    )  # it needs the types above

    problems = violations(data)
    secrets: dict[str, Any] = {}
    environment = None
    if isinstance(data, Mapping):
        problems += _rules.text_rules(data)
    if not errors(problems):
        filled = with_defaults(data)
        document = without_secrets(filled)
        secrets = {format_path(path): _at(filled, path) for path in secret_paths(filled)}
        archive = (document.get("images") or {}).get("archive")
        if archive is not None:
            document["images"]["archive"] = os.path.normpath(base / archive)
        environment = from_document(document)
        problems += _rules.rules(environment, secrets)
    problems.sort(key=lambda problem: (_order(data, problem.path), problem.code))
    return Checked(tuple(problems), None if errors(problems) else environment, secrets)


def without_secrets(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with each secret replaced by ``{"stored": "<path>"}``."""
    result: dict[str, Any] = copy.deepcopy(dict(document))
    for path in list(secret_paths(document)):
        parent = _at(result, path[:-1])
        parent[path[-1]] = {"stored": format_path(path)}
    return result


def from_document(document: Mapping[str, Any]) -> Environment:
    """The Environment of a checked document (of the record, or just validated)."""
    identity, tracker, core = (
        document["environment"],
        document["tracker"],
        document["tracker"]["core"],
    )
    database, policy = core["database"], core.get("announce_policy") or {}
    provider, host = document["provider"], document.get("host") or {}
    health = tracker.get("health_check_api") or {"bind_address": "127.0.0.1:1313"}
    return Environment(
        name=identity["name"],
        description=identity.get("description") or "",
        instance_name=identity.get("instance_name") or default_instance_name(identity["name"]),
        ssh=Ssh(**document["ssh_credentials"]),
        provider=ExistingProvider(address=provider.get("address"))
        if provider["provider"] == "existing"
        else LxdProvider(**{key: value for key, value in provider.items() if key in LxdProvider.__annotations__}),
        tracker=Tracker(
            release=tracker["release"],
            database_driver=database["driver"],
            database_name=database["database_name"],
            private=core["private"],
            listed=core["listed"],
            announce_interval=policy.get("interval", 300),
            announce_interval_min=policy.get("interval_min", 300),
            udp_trackers=_endpoints(tracker, "udp_trackers"),
            http_trackers=_endpoints(tracker, "http_trackers"),
            http_api=_endpoint("http_api", tracker["http_api"]) if "http_api" in tracker else None,
            health_check_api=_endpoint("health_check_api", health),
        ),
        image_archive=(document.get("images") or {}).get("archive"),
        host=HostSettings(
            firewall=host.get("firewall", True),
            automatic_updates=host.get("automatic_updates", True),
            kernel_tuning=host.get("kernel_tuning", True),
        ),
        document=document,
    )


def _endpoints(tracker: Mapping[str, Any], key: str) -> tuple[Endpoint, ...]:
    return tuple(_endpoint(f"{key}[{index}]", entry) for index, entry in enumerate(tracker[key]))


def _endpoint(key: str, entry: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        key=key,
        bind=parse_bind_address(entry["bind_address"]),
        domain=entry.get("domain"),
        tls=bool(entry.get("use_tls_proxy")),
    )


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _order(data: Any, path: Path) -> tuple[int, ...]:
    """Position of a path in the file as written: missing and unknown places come last at their level."""
    order: list[int] = []
    for part in path:
        if isinstance(data, Mapping):
            keys = list(data)
            order.append(keys.index(part) if part in keys else len(keys))
            data = data.get(str(part))
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            order.append(part)
            data = data[part]
    return tuple(order)
