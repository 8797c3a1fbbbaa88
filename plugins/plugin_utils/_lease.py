# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease of an environment: one operation at a time, held by one process (``_holder.py``).

A lease needs no closing: that of a process which has ended is taken over by the next one, whatever ended it. That of a
living process is respected, and so is one of which nothing can be told from here (another machine, a container), until
a person says ``take_over``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._holder import (
    Holder,
    Liveness,
    current_holder,
    liveness,
    survivors,
    wait_for_end,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._json_facts import MisfitError, from_json, to_json
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import now
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import Store

__all__ = ["Holder", "Lease", "Liveness", "acquire", "current_holder", "held_by", "liveness", "may_live", "release"]

_FORMAT = 1

# How long a worker that outlived its killed ansible-playbook may take to finish its task, in seconds.
_PATIENCE = 60.0


@dataclass(frozen=True)
class Lease:
    """``nested``: the process held it already. ``taken_from``: whose it was, if that one did not give it back."""

    verb: str
    holder: Holder
    since: str
    nested: bool = False
    taken_from: Holder | None = None


@dataclass(frozen=True)
class _Document:
    format: int
    verb: str
    holder: Holder
    since: str


def _parse(document: dict[str, Any] | None) -> _Document | None:
    if document is None:
        return None
    try:
        return from_json(_Document, document)
    except MisfitError as misfit:
        raise DeployerError(
            "lease-corrupt",
            "The lease of this environment cannot be read: it was edited or written by another version.",
            cause=str(misfit),
            next_step="make sure that nobody works on this environment, then remove its lease.json",
            exit_code=ExitCode.CONFLICT,
        ) from None


def _document(verb: str, holder: Holder) -> dict[str, Any]:
    document: dict[str, Any] = to_json(_Document(_FORMAT, verb, holder, now()))
    return document


def may_live(holder: Holder) -> bool:
    """Whether ``holder`` lives, or cannot be told to be dead from here."""
    return liveness(holder, current_holder()) is not Liveness.DEAD


def held_by(store: Store, name: str) -> Lease | None:
    """Who holds the environment at present: None also if the holder is known to be dead."""
    found = _parse(store.lease(name))
    return Lease(found.verb, found.holder, found.since) if found and may_live(found.holder) else None


def acquire(store: Store, name: str, verb: str, *, take_over: bool = False, holder: Holder | None = None) -> Lease:
    """Takes the lease for ``holder`` (default: the present process); of many at once, exactly one gets it.

    ``take_over`` takes it also from a holder of which nothing can be told; never from one that is seen to live.
    Raises ``environment-busy``, naming the holder.
    """
    mine = holder or current_holder()
    _await_workers(_parse(store.lease(name)), mine, name)
    before: _Document | None = None

    def take(document: dict[str, Any] | None) -> dict[str, Any]:
        nonlocal before
        before = found = _parse(document)
        if document is None or found is None:
            return _document(verb, mine)
        if found.holder.is_same_process(mine):
            return document
        life = liveness(found.holder, mine)
        if life is Liveness.ALIVE or (life is Liveness.UNKNOWN and not take_over):
            raise _busy(found, life, name)
        return _document(verb, mine)

    held = from_json(_Document, store.update_lease(name, take))
    nested = before is not None and before.holder.is_same_process(mine)
    taken_from = before.holder if before is not None and not nested else None
    return Lease(held.verb, held.holder, held.since, nested, taken_from)


def release(store: Store, name: str, holder: Holder | None = None) -> bool:
    """Gives the lease back; whether it was ours to give. An environment that is gone has none."""
    mine = holder or current_holder()
    given = False

    def give(document: dict[str, Any] | None) -> dict[str, Any] | None:
        nonlocal given
        found = _parse(document)
        given = found is not None and found.holder.is_same_process(mine)
        return None if given else document

    if store.exists(name):
        store.update_lease(name, give)
    return given


def _await_workers(found: _Document | None, mine: Holder, name: str) -> None:
    """Waits for workers of a killed holder: until they end, they may still change what we are about to."""
    if found is None or found.holder.is_same_process(mine) or liveness(found.holder, mine) is not Liveness.DEAD:
        return
    workers = survivors(found.holder, mine)
    if wait_for_end(workers, _PATIENCE):
        return
    raise DeployerError(
        "environment-busy",
        f"{found.holder.text().capitalize()} was killed during {found.verb}, but its worker has not ended yet.",
        where=f"environment {name}, since {found.since}",
        next_step=f"wait for process {workers[0]} or end it (kill {workers[0]}), then run the same command again",
        exit_code=ExitCode.BUSY,
    )


def _busy(found: _Document, life: Liveness, name: str) -> DeployerError:
    if life is Liveness.ALIVE:
        step = f"wait until it has ended, or end it: kill {found.holder.pid}; then run the same command again"
        cause = ""
    else:
        step = (
            "if you are sure that it has ended, run the same command again with --take-over "
            "(in a playbook: -e take_over=true)"
        )
        cause = (
            "It belongs to another machine, boot or container, so it cannot be seen from here whether it still runs."
        )
    return DeployerError(
        "environment-busy",
        f"The environment {name!r} is busy: {found.verb}, by {found.holder.text()}, since {found.since}.",
        cause=cause,
        next_step=step,
        exit_code=ExitCode.BUSY,
    )
