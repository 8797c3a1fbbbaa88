# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease: one holder at a time, whoever ends how."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils import _lease
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._holder import Holder, current_holder
from ansible_collections.torrust.deployer.plugins.plugin_utils._json_facts import to_json
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

from .forks import fork, join, own_holder
from .records import HOLDER, RECORD


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "workspace")
    store.create(RECORD, {})
    return store


@pytest.fixture
def other(store: FileStore) -> Iterator[Holder]:
    """A living process, not of ours, that holds the lease for ``release``."""
    reading, writing = os.pipe()

    def hold() -> None:
        lease = _lease.acquire(store, "demo", "release", holder=own_holder())
        os.write(writing, str(lease.holder.start_time).encode())
        signal.pause()

    child = fork(hold)
    start_time = int(os.read(reading, 100))
    yield replace(current_holder(), pid=child, start_time=start_time)
    os.kill(child, signal.SIGKILL)
    join(child)
    os.close(reading)
    os.close(writing)


def _hold(store: FileStore, holder: Holder) -> None:
    document = {"format": 1, "verb": "release", "holder": to_json(holder), "since": "2026-01-02T03:04:05Z"}
    store.update_lease("demo", lambda _old: document)


def test_it_is_taken_and_given_back(store: FileStore) -> None:
    assert _lease.held_by(store, "demo") is None
    lease = _lease.acquire(store, "demo", "release")
    assert (lease.verb, lease.nested, lease.taken_from) == ("release", False, None)
    held = _lease.held_by(store, "demo")
    assert held is not None
    assert held.holder == current_holder()
    assert _lease.release(store, "demo")
    assert not _lease.release(store, "demo")
    assert store.lease("demo") is None


def test_its_holder_may_take_it_again(store: FileStore) -> None:
    first = _lease.acquire(store, "demo", "deploy")
    second = _lease.acquire(store, "demo", "release")
    assert (second.nested, second.verb, second.since) == (True, "deploy", first.since)


def test_a_living_holder_is_respected_and_named(store: FileStore, other: Holder) -> None:
    for take_over in (False, True):
        with pytest.raises(DeployerError) as caught:
            _lease.acquire(store, "demo", "run", take_over=take_over)
        error = caught.value
        assert (error.code, error.exit_code) == ("environment-busy", ExitCode.BUSY)
        for part in ("release", f"process {other.pid}", other.user, other.host, "since 20"):
            assert part in error.message
        assert f"kill {other.pid}" in error.next_step
    assert not _lease.release(store, "demo")
    held = _lease.held_by(store, "demo")
    assert held is not None
    assert held.holder.pid == other.pid


def test_a_killed_holder_is_taken_over(store: FileStore) -> None:
    def die() -> None:
        _lease.acquire(store, "demo", "release", holder=own_holder())
        os.kill(os.getpid(), signal.SIGKILL)

    child = fork(die)
    assert join(child) == -signal.SIGKILL
    assert store.lease("demo") is not None
    assert _lease.held_by(store, "demo") is None
    lease = _lease.acquire(store, "demo", "run")
    assert lease.taken_from is not None
    assert lease.taken_from.pid == child
    assert not lease.nested


def test_a_holder_elsewhere_is_respected_until_a_person_says_so(store: FileStore) -> None:
    elsewhere = replace(current_holder(), pid_namespace="pid:[1]")
    _hold(store, elsewhere)
    with pytest.raises(DeployerError) as caught:
        _lease.acquire(store, "demo", "run")
    assert caught.value.code == "environment-busy"
    assert "--take-over" in caught.value.next_step
    assert _lease.may_live(elsewhere)
    assert _lease.acquire(store, "demo", "run", take_over=True).taken_from == elsewhere


def test_a_holder_of_an_earlier_boot_is_taken_over(store: FileStore) -> None:
    before = replace(current_holder(), boot_id="an-earlier-one", machine_id="m")
    _hold(store, before)
    assert _lease.acquire(store, "demo", "run", holder=replace(current_holder(), machine_id="m")).taken_from == before


def _take(store: FileStore, gate: int, tell: int, end: int, openers: list[int]) -> None:
    """Tries for the lease once ``gate`` is opened, tells how that went, and lives on until ``end`` is opened."""
    for opener in openers:
        os.close(opener)
    os.read(gate, 1)
    answer = b"+"
    try:
        _lease.acquire(store, "demo", "run", holder=own_holder())
    except DeployerError as error:
        answer = b"-" if error.code == "environment-busy" else b"?"
    os.write(tell, answer)
    os.read(end, 1)


def test_of_many_that_take_a_dead_one_over_exactly_one_gets_it(store: FileStore) -> None:
    takers = 12
    for _round in range(3):
        gone = fork(lambda: None)
        join(gone)
        _hold(store, replace(current_holder(), pid=gone))
        gate, open_gate = os.pipe()
        told, tell = os.pipe()
        end, open_end = os.pipe()

        take = functools.partial(_take, store, gate, tell, end, [open_gate, open_end])
        children = [fork(take) for _time in range(takers)]
        os.close(open_gate)
        answers = b"".join(os.read(told, 1) for _time in children)
        os.close(open_end)
        assert [join(child) for child in children] == [0] * takers
        assert sorted(answers) == sorted(b"+" + b"-" * (takers - 1))
        for handle in (gate, told, tell, end):
            os.close(handle)


def test_a_worker_of_a_killed_holder_keeps_others_out(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = fork(lambda: None)
    join(gone)
    _hold(store, replace(current_holder(), pid=gone, image="dead"))
    worker = fork(signal.pause)
    monkeypatch.setattr(_lease, "survivors", lambda _holder, _here: [worker])
    monkeypatch.setattr(_lease, "_PATIENCE", 0.0)
    with pytest.raises(DeployerError) as caught:
        _lease.acquire(store, "demo", "run")
    assert caught.value.exit_code is ExitCode.BUSY
    assert str(worker) in caught.value.next_step
    os.kill(worker, signal.SIGKILL)
    monkeypatch.setattr(_lease, "_PATIENCE", 30.0)
    assert _lease.acquire(store, "demo", "run").taken_from is not None
    join(worker)


@pytest.mark.parametrize("document", [{}, {"format": 1, "verb": "run"}, {"format": 1, "holder": [], "more": 1}])
def test_a_damaged_one_says_how_to_go_on(store: FileStore, document: dict[str, Any]) -> None:
    store.update_lease("demo", lambda _old: document)
    with pytest.raises(DeployerError) as caught:
        _lease.acquire(store, "demo", "run")
    assert caught.value.code == "lease-corrupt"
    assert store.lease("demo") == document


def test_an_environment_that_is_gone_has_none(store: FileStore) -> None:
    _lease.acquire(store, "demo", "purge")
    store.remove("demo")
    assert not _lease.release(store, "demo")
    with pytest.raises(DeployerError) as caught:
        _lease.acquire(store, "demo", "run", holder=HOLDER)
    assert caught.value.code == "environment-not-found"
