# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations: begun, marked, ended; interrupted ones noticed; parts of others."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils import _lease, _operation
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._holder import Holder, current_holder
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import (
    HISTORY_LIMIT,
    PHASES_LIMIT,
    Failure,
    Record,
    label,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

from .forks import fork, join, killed_at_every_step, own_holder
from .records import HOLDER, RECORD

AT = "2026-01-02T04:00:00Z"
FAILURE = Failure("task-failed", "release failed.", "torrust-tracker-deployer release demo")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "workspace")
    store.create(RECORD, {})
    return store


def _phase(store: FileStore) -> str:
    operation = store.load("demo").operation
    assert operation is not None
    return operation.phase


def test_one_that_succeeds(store: FileStore) -> None:
    begun = _operation.begin(store, "demo", "release")
    assert (begun.nested, begun.interrupted) == (False, None)
    assert label(begun.record, True) == "release running"
    record = _operation.phase(store, "demo", "upload")
    assert label(record, True) == "release running in upload"
    ended = _operation.finish(store, "demo", "release", changed=True)
    assert ended is not None
    assert ended == store.load("demo")
    assert ended.operation is None
    (entry,) = ended.history
    assert (entry.id, entry.verb, entry.outcome, entry.changed) == (begun.operation.id, "release", "succeeded", True)
    assert label(ended, False) == "created"
    assert store.lease("demo") is None


def test_one_that_fails(store: FileStore) -> None:
    _operation.begin(store, "demo", "release")
    _operation.phase(store, "demo", "upload")
    record = _operation.fail(store, "demo", FAILURE)
    assert record is not None
    assert label(record, False) == "release failed in upload"
    assert record.history[-1].error == FAILURE
    assert store.lease("demo") is None


def test_parts_of_another(store: FileStore) -> None:
    outer = _operation.begin(store, "demo", "deploy")
    part = _operation.begin(store, "demo", "configure")
    assert part.nested
    assert part.operation.id == outer.operation.id
    assert _phase(store) == "configure"
    _operation.phase(store, "demo", "docker")
    assert _phase(store) == "configure: docker"
    _operation.finish(store, "demo", "configure", changed=True)
    assert _phase(store) == ""
    assert _lease.held_by(store, "demo") is not None
    _operation.begin(store, "demo", "release")
    _operation.finish(store, "demo", "release", changed=False)
    record = _operation.finish(store, "demo", "deploy")
    assert record is not None
    (entry,) = record.history
    assert (entry.verb, entry.changed) == ("deploy", True)


def test_a_part_that_fails_fails_it_all(store: FileStore) -> None:
    _operation.begin(store, "demo", "deploy")
    _operation.begin(store, "demo", "release")
    _operation.phase(store, "demo", "upload")
    record = _operation.fail(store, "demo", FAILURE)
    assert record is not None
    assert label(record, False) == "deploy failed in release: upload"
    # The rescue of the outer one comes after it, and has nothing left to do.
    assert _operation.fail(store, "demo", FAILURE) == record
    assert store.lease("demo") is None


def test_a_part_left_without_an_end_is_closed_with_the_whole(store: FileStore) -> None:
    _operation.begin(store, "demo", "deploy")
    _operation.begin(store, "demo", "release")
    record = _operation.finish(store, "demo", "deploy", changed=False)
    assert record is not None
    assert record.operation is None


def test_the_same_process_may_begin_anew(store: FileStore) -> None:
    _operation.begin(store, "demo", "release")
    again = _operation.begin(store, "demo", "release")
    assert not again.nested
    assert again.interrupted is not None
    assert [entry.outcome for entry in again.record.history] == ["interrupted"]


def test_a_part_begun_anew_is_entered_once() -> None:
    record = _operation.opened(RECORD, "deploy", HOLDER, AT, "1")
    for verb in ("provision", "configure", "provision"):
        record = _operation.opened(record, verb, HOLDER, AT, "2")
    assert record.operation is not None
    assert record.operation.within == ("provision",)


def test_a_killed_one_is_filed_as_interrupted(store: FileStore) -> None:
    def die() -> None:
        holder = own_holder()
        _operation.begin(store, "demo", "release", holder=holder)
        _operation.phase(store, "demo", "upload", holder=holder)
        os.kill(os.getpid(), signal.SIGKILL)

    assert join(fork(die)) == -signal.SIGKILL
    record = store.load("demo")
    assert record.operation is not None
    assert label(record, _lease.may_live(record.operation.holder)) == "release interrupted in upload"
    begun = _operation.begin(store, "demo", "run")
    assert begun.interrupted is not None
    assert (begun.interrupted.verb, begun.interrupted.phase) == ("release", "upload")
    assert begun.record.history == (begun.interrupted,)
    assert not begun.nested


def test_whenever_it_is_killed_the_next_one_begins(store: FileStore) -> None:
    def work() -> None:
        holder = own_holder()
        _operation.begin(store, "demo", "release", holder=holder)
        _operation.phase(store, "demo", "upload", holder=holder)
        _operation.finish(store, "demo", "release", changed=True, holder=holder)

    steps = 0
    for _time in killed_at_every_step(work):
        steps += 1
        begun = _operation.begin(store, "demo", "run")
        assert begun.operation.verb == "run"
        assert begun.record.history[-1:] == () or begun.record.history[-1].verb in ("release", "run")
        _operation.finish(store, "demo", "run", changed=False)
        assert store.lease("demo") is None
    assert steps > 20


def test_somebody_elses_is_left_alone(store: FileStore) -> None:
    elsewhere = replace(current_holder(), pid_namespace="pid:[1]")
    _operation.begin(store, "demo", "release", holder=elsewhere)
    before = store.load("demo")
    with pytest.raises(DeployerError) as caught:
        _operation.begin(store, "demo", "run")
    assert caught.value.exit_code is ExitCode.BUSY
    calls: list[Callable[[], object]] = [
        lambda: _operation.phase(store, "demo", "up"),
        lambda: _operation.finish(store, "demo", "release"),
    ]
    for call in calls:
        with pytest.raises(DeployerError) as caught:
            call()
        assert caught.value.code == "operation-lost"
        assert "release" in caught.value.cause
    _operation.fail(store, "demo", FAILURE)
    assert store.load("demo") == before
    held = _lease.held_by(store, "demo")
    assert held is not None
    assert held.holder == elsewhere


def test_one_that_was_taken_over_stops(store: FileStore) -> None:
    elsewhere = replace(current_holder(), pid_namespace="pid:[1]")
    _operation.begin(store, "demo", "release", holder=elsewhere)
    begun = _operation.begin(store, "demo", "run", take_over=True)
    assert begun.interrupted is not None
    with pytest.raises(DeployerError) as caught:
        _operation.phase(store, "demo", "upload", holder=elsewhere)
    assert caught.value.code == "operation-lost"
    assert _phase(store) == ""


def test_finishing_what_was_not_begun_is_an_error(store: FileStore) -> None:
    _operation.begin(store, "demo", "release")
    with pytest.raises(DeployerError) as caught:
        _operation.finish(store, "demo", "run")
    assert caught.value.code == "operation-lost"
    _operation.finish(store, "demo", "release")
    with pytest.raises(DeployerError) as caught:
        _operation.finish(store, "demo", "release")
    assert caught.value.code == "operation-lost"


def test_a_purged_environment_needs_no_end(store: FileStore) -> None:
    _operation.begin(store, "demo", "purge")
    store.remove("demo")
    assert _operation.finish(store, "demo", "purge", changed=True) is None
    assert _operation.fail(store, "demo", FAILURE) is None
    assert store.names() == []


def test_a_record_that_cannot_be_written_gives_the_lease_back(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_name: str, _change: Callable[[Record], Record]) -> Record:
        raise DeployerError("workspace-full", "Could not write the record.", next_step="free some space")

    monkeypatch.setattr(store, "update", full)
    with pytest.raises(DeployerError):
        _operation.begin(store, "demo", "release")
    assert store.lease("demo") is None


def test_history_and_phases_are_bounded() -> None:
    record = RECORD
    for number in range(HISTORY_LIMIT + 5):
        record = _operation.opened(record, "run", HOLDER, AT, str(number))
        record = _operation.part_or_all_ended(record, "run", AT, None)
    assert len(record.history) == HISTORY_LIMIT
    assert record.history[-1].id == str(HISTORY_LIMIT + 4)
    record = _operation.opened(record, "run", HOLDER, AT, "x")
    for number in range(PHASES_LIMIT + 5):
        record = _operation.in_phase(record, f"phase {number}", AT)
    assert record.operation is not None
    assert len(record.operation.phases) == PHASES_LIMIT
    assert _operation.in_phase(record, record.operation.phase, AT) == record


def test_another_holder_of_the_same_verb_is_no_part() -> None:
    other = Holder(1, 1, "b", "n", "m", "h", "u")
    record = _operation.opened(_operation.opened(RECORD, "deploy", HOLDER, AT, "1"), "release", other, AT, "2")
    assert record.operation is not None
    assert (record.operation.verb, record.operation.holder) == ("release", other)
    assert record.history[-1].outcome == "interrupted"
