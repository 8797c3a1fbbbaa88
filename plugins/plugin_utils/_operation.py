# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations: a verb at work on an environment, from ``begin`` to its end, in the record under the lease.

``begin`` takes the lease, ``phase`` marks the way, ``finish`` or ``fail`` closes. A process that dies in between needs
no closing: the next ``begin`` finds its operation open, its holder dead, and files it as interrupted. A verb that
begins while the same process has an operation open (``deploy`` runs ``provision``, ``configure``, ...) becomes a part
of it: its name goes before its phases, and its finish ends the part only.

What changes the record is pure (``opened``, ``in_phase``, ``part_or_all_ended``); the rest is the thin edge around it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from ansible_collections.torrust.deployer.plugins.plugin_utils import _lease
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._holder import Holder, current_holder
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import (
    HISTORY_LIMIT,
    PHASES_LIMIT,
    Ended,
    Failure,
    Operation,
    Outcome,
    Phase,
    Record,
    now,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import Store


@dataclass(frozen=True)
class Begun:
    """``nested``: it is a part of an operation that was open. ``interrupted``: an earlier one that was found dead."""

    record: Record
    operation: Operation
    nested: bool
    interrupted: Ended | None


def opened(record: Record, verb: str, holder: Holder, at: str, identity: str) -> Record:
    """The record with ``verb`` begun. Only for who holds the lease: an operation of another holder is a dead one's."""
    present = record.operation
    if present is not None and present.holder.is_same_process(holder) and verb != present.verb:
        # A part that begins again was left without its end; so were those within it.
        outer = present.within[: present.within.index(verb)] if verb in present.within else present.within
        return _marked(record, replace(present, within=(*outer, verb)), "", at)
    filed = _filed(record, "interrupted", at, None, None) if present is not None else record
    return replace(filed, operation=Operation(identity, verb, holder, at))


def in_phase(record: Record, title: str, at: str) -> Record:
    """The record with its open operation in the phase ``title``; nothing changes if it is in it already."""
    return _marked(record, _open_one(record), title, at)


def _open_one(record: Record) -> Operation:
    if record.operation is None:
        raise ValueError("no operation is open")
    return record.operation


def _marked(record: Record, operation: Operation, title: str, at: str) -> Record:
    name = ": ".join([*operation.within, *([title] if title else [])])
    if name == operation.phase:
        return replace(record, operation=operation)
    phases = (*operation.phases, Phase(name, at))[-PHASES_LIMIT:]
    return replace(record, operation=replace(operation, phase=name, phases=phases))


def _filed(record: Record, outcome: Outcome, at: str, failure: Failure | None, changed: bool | None) -> Record:
    """The open operation moved to the history."""
    operation = _open_one(record)
    entry = Ended(
        id=operation.id,
        verb=operation.verb,
        started_at=operation.started_at,
        ended_at=at,
        outcome=outcome,
        phase="" if outcome == "succeeded" else operation.phase,
        error=failure,
        changed=_either(operation.changed, changed),
    )
    return replace(record, operation=None, history=(*record.history, entry)[-HISTORY_LIMIT:])


def _either(one: bool | None, other: bool | None) -> bool | None:
    """Whether any of two parts changed something; None if neither says."""
    said = [each for each in (one, other) if each is not None]
    return any(said) if said else None


def part_or_all_ended(record: Record, verb: str, at: str, changed: bool | None) -> Record:
    """The record once ``verb`` has succeeded: as a part it leaves the operation open, else the operation is filed.

    Raises ``ValueError`` if no such verb is at work.
    """
    operation = record.operation
    if operation is not None and verb == operation.verb:
        return _filed(record, "succeeded", at, None, changed)
    if operation is not None and verb in operation.within:
        outer = operation.within[: operation.within.index(verb)]
        return _marked(record, replace(operation, within=outer, changed=_either(operation.changed, changed)), "", at)
    raise ValueError(f"{verb} is not at work")


def begin(store: Store, name: str, verb: str, *, take_over: bool = False, holder: Holder | None = None) -> Begun:
    """Opens an operation, or a part of the one that this process has open. Raises ``environment-busy``."""
    mine = holder or current_holder()
    lease = _lease.acquire(store, name, verb, take_over=take_over, holder=mine)
    identity = secrets.token_hex(6)
    was_open = False

    def change(record: Record) -> Record:
        nonlocal was_open
        was_open = record.operation is not None
        return opened(record, verb, mine, now(), identity)

    try:
        record = store.update(name, change)
    except BaseException:
        if not lease.nested:
            _lease.release(store, name, mine)
        raise
    operation = _open_one(record)
    replaced = was_open and operation.id == identity
    return Begun(record, operation, bool(operation.within), record.history[-1] if replaced else None)


def phase(store: Store, name: str, title: str, *, holder: Holder | None = None) -> Record:
    """Marks that the open operation has come to the phase ``title``. Raises ``operation-lost`` if it is not ours."""
    mine = holder or current_holder()
    return store.update(name, lambda record: in_phase(_ours(record, mine), title, now()))


def finish(
    store: Store, name: str, verb: str, *, changed: bool | None = None, holder: Holder | None = None
) -> Record | None:
    """Closes ``verb`` as succeeded, and gives the lease back with the operation. Raises ``operation-lost``.

    None if the environment is gone, as it should be after ``purge``.
    """
    mine = holder or current_holder()
    if not store.exists(name):
        return None

    def change(record: Record) -> Record:
        try:
            return part_or_all_ended(_ours(record, mine), verb, now(), changed)
        except ValueError:
            raise _lost(record) from None

    record = store.update(name, change)
    if record.operation is None:
        _lease.release(store, name, mine)
    return record


def fail(
    store: Store, name: str, failure: Failure, *, changed: bool | None = None, holder: Holder | None = None
) -> Record | None:
    """Closes the whole open operation as failed (a part that fails, fails it all), and gives the lease back.

    Leaves alone what is not ours: a failure to begin reaches this with somebody else's operation, or none, open.
    """
    mine = holder or current_holder()
    if not store.exists(name):
        return None

    def change(record: Record) -> Record:
        if record.operation is None or not record.operation.holder.is_same_process(mine):
            return record
        return _filed(record, "failed", now(), failure, changed)

    record = store.update(name, change)
    _lease.release(store, name, mine)
    return record


def _ours(record: Record, mine: Holder) -> Record:
    if record.operation is None or not record.operation.holder.is_same_process(mine):
        raise _lost(record)
    return record


def _lost(record: Record) -> DeployerError:
    other = record.operation
    cause = f"At work is {other.verb}, by {other.holder.text()}, since {other.started_at}." if other else ""
    return DeployerError(
        "operation-lost",
        f"This operation on {record.name!r} is not the open one any more: it was closed or taken over.",
        cause=cause,
        next_step=f"look at it first: torrust-tracker-deployer show {record.name}",
        exit_code=ExitCode.BUSY,
    )
