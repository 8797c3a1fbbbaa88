# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of an environment: facts, from which its label and the next step are derived.

Format 1 (``record.json``) is the JSON of ``Record`` with ``format: 1`` beside its fields. Points in time are RFC 3339
in UTC with whole seconds (``2026-11-24T20:15:00Z``), so they compare as text. Nothing here is a secret: the env
document holds references in their place.

All functions are pure; whoever changes a record does so through the store (``_store.py``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._holder import Holder
from ansible_collections.torrust.deployer.plugins.plugin_utils._json_facts import MisfitError, from_json, to_json

FORMAT = 1
HISTORY_LIMIT = 100
PHASES_LIMIT = 200

Migration = Callable[[dict[str, Any]], dict[str, Any]]

# Format n -> a function that makes a document of format n + 1 of one of format n.
MIGRATIONS: Mapping[int, Migration] = {}


@dataclass(frozen=True)
class Infrastructure:
    """The machine. ``address`` is the one we connect to: a name, IPv4 or IPv6 (no brackets)."""

    method: Literal["provisioned", "registered"]
    provider: str
    instance_name: str
    ipv4: str | None
    ipv6: str | None
    address: str
    ssh_port: int
    ssh_user: str
    host_keys: tuple[str, ...]
    at: str


@dataclass(frozen=True)
class Image:
    """A locked image: ``reference`` as compose names it, ``id`` a digest or image id, ``source`` where from."""

    reference: str
    id: str
    source: str


@dataclass(frozen=True)
class Host:
    """What the machine was configured to: the digest of what was asked for, and facts observed while at it."""

    digest: str
    at: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """A release by digest; ``services`` maps each service to the hash of its configuration."""

    digest: str
    at: str
    services: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The result of the last test from outside; ``failed`` names the probes that did not pass."""

    passed: bool
    at: str
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Phase:
    """A phase and when it began."""

    name: str
    at: str


@dataclass(frozen=True)
class Operation:
    """The open operation.

    ``within``: the verbs that it runs as its parts at present, outermost first. ``changed``: whether a part that has
    ended changed anything, as far as parts have said.
    """

    id: str
    verb: str
    holder: Holder
    started_at: str
    phase: str = ""
    phases: tuple[Phase, ...] = ()
    within: tuple[str, ...] = ()
    changed: bool | None = None


@dataclass(frozen=True)
class Failure:
    """Why an operation failed, as ``DeployerError`` said it, without secrets."""

    code: str
    message: str
    next_step: str


Outcome = Literal["succeeded", "failed", "interrupted"]


@dataclass(frozen=True)
class Ended:
    """A past operation. ``ended_at`` of an interrupted one is when that was noticed. ``changed``: None if not known."""

    id: str
    verb: str
    started_at: str
    ended_at: str
    outcome: Outcome
    phase: str = ""
    error: Failure | None = None
    changed: bool | None = None


@dataclass(frozen=True)
class Record:
    """Everything known about one environment, except its secrets.

    ``environment``: the env document as last applied. ``release``: the one on the host; ``running``: the one that runs.
    ``destroyed_at``: set when infrastructure was given up, until there is a new one. ``history``: newest last.
    """

    name: str
    created_at: str
    environment: dict[str, Any]
    infrastructure: Infrastructure | None = None
    images: dict[str, Image] = field(default_factory=dict)
    host: Host | None = None
    release: Release | None = None
    running: Release | None = None
    verdict: Verdict | None = None
    destroyed_at: str | None = None
    operation: Operation | None = None
    history: tuple[Ended, ...] = ()


def now() -> str:
    """The present point in time as the record writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_document(record: Record) -> dict[str, Any]:
    """The record as a JSON object, with its format."""
    return {"format": FORMAT, **to_json(record)}


def from_document(document: Any) -> Record:
    """The record of a JSON object of this or an older format; the object is left as it is.

    Raises ``DeployerError``: ``record-too-new`` for a later format, ``record-corrupt`` for what does not fit.
    """
    body = migrate(document, FORMAT, MIGRATIONS)
    try:
        return from_json(Record, {key: value for key, value in body.items() if key != "format"})
    except MisfitError as misfit:
        raise corrupt(str(misfit)) from None


def migrate(document: Any, current: int, migrations: Mapping[int, Migration]) -> dict[str, Any]:
    """``document`` brought to the format ``current``, one step at a time."""
    if not isinstance(document, dict):
        raise corrupt("the document is not an object")
    found = document.get("format")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise corrupt("it does not say its format")
    if found > current:
        raise DeployerError(
            "record-too-new",
            f"The record was written by a newer torrust.deployer (format {found}; this one reads up to {current}).",
            next_step="update torrust.deployer on this machine, then run the same command again",
            exit_code=ExitCode.CONFLICT,
        )
    body = dict(document)
    for step in range(found, current):
        body = {**migrations[step](body), "format": step + 1}
    return body


def corrupt(cause: str) -> DeployerError:
    """The error of a record that cannot be understood; the store adds where it lies."""
    return DeployerError(
        "record-corrupt",
        "The record of this environment cannot be read: it was damaged or edited.",
        cause=cause,
        next_step="put the file back from a backup; nothing was changed",
        exit_code=ExitCode.CONFLICT,
    )


def with_infrastructure(record: Record, infrastructure: Infrastructure) -> Record:
    """The record with this machine. What is known of a host is dropped if it is another machine than before."""
    known = record.infrastructure
    same = known is not None and (
        bool(set(known.host_keys) & set(infrastructure.host_keys))
        if known.host_keys and infrastructure.host_keys
        else known.address == infrastructure.address
    )
    kept = record if same else dataclasses.replace(record, host=None, release=None, running=None, verdict=None)
    return dataclasses.replace(kept, infrastructure=infrastructure, destroyed_at=None)


def destroyed(record: Record, at: str) -> Record:
    """The record once nothing exists any more; the image lock and the history stay."""
    return dataclasses.replace(
        record,
        infrastructure=None,
        host=None,
        release=None,
        running=None,
        verdict=None,
        destroyed_at=at,
    )


def _unfinished(record: Record, holder_alive: bool) -> tuple[str, str, str] | None:
    """``(verb, what became of it, phase)`` of an operation that runs, failed or was interrupted, with nothing since."""
    if record.operation is not None:
        state = "running" if holder_alive else "interrupted"
        return record.operation.verb, state, record.operation.phase
    if record.history and record.history[-1].outcome != "succeeded":
        last = record.history[-1]
        return last.verb, last.outcome, last.phase
    return None


def reached(record: Record) -> str:
    """How far the environment has come, whatever the last operation did: the farthest fact that holds."""
    if record.infrastructure is None:
        return "destroyed" if record.destroyed_at else "created"
    if record.running is not None:
        return "running"
    if record.release is not None:
        return "released"
    return "configured" if record.host is not None else record.infrastructure.method


def label(record: Record, holder_alive: bool) -> str:
    """One line for a person: ``running``, or ``release interrupted in upload``.

    ``holder_alive``: whether the holder of the open operation lives (or cannot be told to be dead).
    """
    unfinished = _unfinished(record, holder_alive)
    if unfinished is None:
        return reached(record)
    verb, state, phase = unfinished
    return f"{verb} {state} in {phase}" if phase else f"{verb} {state}"


_ARGUMENTS = {
    "create": "environment --env-file FILE",
    "register": "{name} --instance-ip ADDRESS",
}


def _command(verb: str, name: str) -> str:
    return f"torrust-tracker-deployer {verb} " + _ARGUMENTS.get(verb, "{name}").format(name=name)


def next_step(record: Record, holder_alive: bool, *, existing_host: bool = False) -> str:
    """The command that takes the environment one step further (or tests it, where nothing is left to do).

    ``existing_host``: the env file names a machine that exists, so ``register`` comes instead of ``provision``.
    """
    unfinished = _unfinished(record, holder_alive)
    if unfinished is not None:
        verb, state, _phase = unfinished
        return _command("show" if state == "running" else verb, record.name)
    verb = {
        "created": "register" if existing_host else "provision",
        "provisioned": "configure",
        "registered": "configure",
        "configured": "release",
        "released": "run",
        "running": _after_running(record),
        "destroyed": "purge",
    }[reached(record)]
    return _command(verb, record.name)


def _after_running(record: Record) -> str:
    """What a running stack needs next: the release that waits for it, else another look at it from outside."""
    waits = record.running is None or (record.release is not None and record.release.digest != record.running.digest)
    return "run" if waits else "test"
