# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker Engine and compose: which packages a host needs, and what its daemon must be told. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.torrust.deployer.plugins.module_utils._host_system import HostError

MINIMUM_ENGINE = (26, 0)
MINIMUM_COMPOSE = (2, 26)
# From here on the daemon manages ip6tables unless told otherwise.
_IP6TABLES_BY_DEFAULT = (27, 0)

DAEMON_FILE = "/etc/docker/daemon.json"
DISTRIBUTION, DOCKER_CE, OTHER, NONE = "distribution", "docker-ce", "other", "none"
# Every package whose presence decides something.
PACKAGES = (
    "docker.io",
    "docker-cli",
    "docker-compose",
    "docker-compose-v2",
    "docker-ce",
    "docker-ce-cli",
    "docker-compose-plugin",
    "podman-docker",
)

_FROM_DISTRIBUTION = ("docker.io", "docker-cli", "docker-compose")
_FROM_DOCKER = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin")
# Distributions whose own packages are new enough.
_NEW_ENOUGH = {("debian", "13")}

Version = tuple[int, ...]


class Need(NamedTuple):
    """What must be installed; ``repository``: from Docker's own apt repository."""

    packages: tuple[str, ...]
    repository: bool


def version(text: str | None) -> Version | None:
    """``26.1.5+dfsg1`` as ``(26, 1, 5)``; ``None`` if there is no version in the text."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text or "")
    return tuple(int(part) for part in match.groups() if part is not None) if match else None


def source(installed: Mapping[str, str], has_dockerd: bool) -> str:
    """Where the Docker of the host came from. ``installed``: package versions by name."""
    if "docker-ce" in installed:
        return DOCKER_CE
    if "docker.io" in installed:
        return DISTRIBUTION
    return OTHER if has_dockerd else NONE


def need(distribution: str, release: str, origin: str, engine: str | None, compose: str | None) -> Need:
    """What to install. What is there and new enough stays; what is there and too old is its owner's to upgrade.

    Raises HostError in the latter case.
    """
    if origin == NONE:
        own = (distribution, release) in _NEW_ENOUGH
        return Need(_FROM_DISTRIBUTION if own else _FROM_DOCKER, not own)
    found = version(engine)
    if found is None or found < MINIMUM_ENGINE:
        raise HostError(
            "docker-too-old",
            f"Docker Engine {engine or 'of unknown version'} is installed (source: {origin}); 26 or newer is needed, "
            "and an existing Docker is never upgraded by this tool.",
            _upgrade_hint(origin),
        )
    composed = version(compose)
    if composed is not None and composed >= MINIMUM_COMPOSE:
        return Need((), False)
    if composed is None and origin == DOCKER_CE:
        return Need(("docker-compose-plugin",), False)
    if composed is None and origin == DISTRIBUTION:
        return Need(("docker-compose-v2" if distribution == "ubuntu" else "docker-compose",), False)
    raise HostError(
        "compose-too-old",
        f"Docker compose {compose or 'is missing'} (Docker's source: {origin}); 2.26 or newer is needed.",
        "install a newer compose plugin from where Docker came from, then run this again",
    )


def _upgrade_hint(origin: str) -> str:
    if origin == DOCKER_CE:
        packages = "docker-ce docker-ce-cli docker-compose-plugin"
        return f"on the host, at a good time: apt-get update && apt-get install {packages}"
    return "replace it by Docker's own packages, see https://docs.docker.com/engine/install/, then run this again"


def parse_daemon(text: str | None) -> dict[str, Any]:
    """The daemon's configuration; empty if there is no file. Raises HostError if it is no JSON object."""
    if text is None or not text.strip():
        return {}
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise _broken(str(error)) from error
    if not isinstance(parsed, dict):
        raise _broken("it is not a JSON object")
    return parsed


def _broken(cause: str) -> HostError:
    return HostError(
        "daemon-config-broken",
        f"{DAEMON_FILE} cannot be read, so it was left as it is.",
        f"mend {DAEMON_FILE} on the host (check: dockerd --validate --config-file={DAEMON_FILE}), then run this again",
        cause,
    )


class Daemon(NamedTuple):
    """What the daemon's file must say and what cannot be had."""

    config: dict[str, Any]
    notes: tuple[str, ...]


def merge_daemon(
    config: Mapping[str, Any], engine: str | None, flags: Sequence[str], swarm: bool, needs_ipv6: bool = True
) -> Daemon:
    """``config`` with what the stack needs added. What its owner has set stays, also against our wish.

    ``flags``: options on the daemon's command line; an option in both places keeps the daemon from starting.
    Raises HostError where the owner's setting makes the stack impossible.
    """
    wanted = dict(config)
    notes = []
    for key in ("iptables", "ip6tables"):
        if config.get(key) is False and (key == "iptables" or needs_ipv6):
            raise HostError(
                "daemon-without-iptables",
                f"{DAEMON_FILE} sets {key} to false: Docker then publishes no ports that the firewall could guard.",
                f"remove {key} from {DAEMON_FILE}, restart docker, then run this again",
            )
    if config.get("firewall-backend") not in (None, "iptables"):
        raise HostError(
            "daemon-firewall-backend",
            f"{DAEMON_FILE} sets firewall-backend to {config['firewall-backend']}, which has no chain DOCKER-USER.",
            "use firewall-backend iptables, or set host.firewall to false in the env file and guard the ports yourself",
        )
    if swarm:
        notes.append("live-restore is off: it does not go with swarm mode")
    elif config.get("live-restore") is False:
        notes.append("live-restore is off, as daemon.json says: containers stop when Docker restarts")
    elif not _is_flag("live-restore", flags):
        wanted["live-restore"] = True
    found = version(engine)
    if needs_ipv6 and found is not None and found < _IP6TABLES_BY_DEFAULT:
        for key in ("ip6tables", "experimental"):
            if not _is_flag(key, flags):
                wanted[key] = True
    return Daemon(wanted, tuple(notes))


def _is_flag(key: str, flags: Sequence[str]) -> bool:
    return any(flag == f"--{key}" or flag.startswith(f"--{key}=") for flag in flags)


def render_daemon(config: Mapping[str, Any]) -> str:
    """The file's text; the order of its owner's keys stays."""
    return json.dumps(config, indent=2) + "\n"
