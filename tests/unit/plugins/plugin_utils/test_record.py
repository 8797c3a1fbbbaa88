# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record: its JSON, its formats, and what is derived from it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.torrust.deployer.plugins.plugin_utils import _record
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import (
    Ended,
    Host,
    Operation,
    Record,
    Release,
    Verdict,
)

from .records import HOLDER, MACHINE, RECORD, records

LATER = "2026-01-02T04:00:00Z"
LATEST = "2026-01-02T05:00:00Z"
OPEN = Operation("1", "release", HOLDER, LATER, phase="upload")

MACHINE_THERE = replace(RECORD, infrastructure=MACHINE)
CONFIGURED = replace(MACHINE_THERE, host=Host("h1", LATER))
RELEASED = replace(CONFIGURED, release=Release("r1", LATER))
RUNNING = replace(RELEASED, running=Release("r1", LATER))
PROVED = replace(RUNNING, verdict=Verdict(True, LATEST))


@given(records)
def test_a_record_survives_its_file(record: Record) -> None:
    text = json.dumps(_record.to_document(record), allow_nan=False)
    assert _record.from_document(json.loads(text)) == record


@given(records, st.booleans(), st.booleans())
def test_every_record_has_a_label_and_a_next_step(record: Record, alive: bool, existing: bool) -> None:
    assert _record.label(record, alive)
    assert _record.next_step(record, alive, existing_host=existing).startswith("torrust-tracker-deployer ")


@pytest.mark.parametrize(
    ("record", "label", "verb"),
    [
        (RECORD, "created", "provision demo"),
        (MACHINE_THERE, "provisioned", "configure demo"),
        (replace(RECORD, infrastructure=replace(MACHINE, method="registered")), "registered", "configure demo"),
        (CONFIGURED, "configured", "release demo"),
        (RELEASED, "released", "run demo"),
        (RUNNING, "running", "test demo"),
        (replace(RUNNING, verdict=Verdict(True, "2026-01-01T00:00:00Z")), "running", "test demo"),
        (replace(RUNNING, verdict=Verdict(False, LATEST, ("udp[0]",))), "running", "test demo"),
        (PROVED, "running", "test demo"),
        (replace(PROVED, release=Release("r2", LATEST)), "running", "run demo"),
        (_record.destroyed(PROVED, LATEST), "destroyed", "purge demo"),
    ],
)
def test_the_label_is_the_farthest_fact(record: Record, label: str, verb: str) -> None:
    assert _record.label(record, False) == label
    assert _record.next_step(record, False) == f"torrust-tracker-deployer {verb}"


def _with_last(record: Record, outcome: str, verb: str = "release", phase: str = "upload") -> Record:
    ended = Ended("1", verb, LATER, LATEST, outcome, phase)  # type: ignore[arg-type]
    return replace(record, history=(*record.history, ended))


@pytest.mark.parametrize(
    ("record", "alive", "label", "verb"),
    [
        (replace(RUNNING, operation=OPEN), True, "release running in upload", "show demo"),
        (replace(RUNNING, operation=OPEN), False, "release interrupted in upload", "release demo"),
        (replace(RUNNING, operation=replace(OPEN, phase="")), True, "release running", "show demo"),
        (_with_last(CONFIGURED, "failed"), False, "release failed in upload", "release demo"),
        (_with_last(CONFIGURED, "interrupted"), False, "release interrupted in upload", "release demo"),
        (_with_last(RECORD, "failed", "register", ""), False, "register failed", "register demo --instance-ip ADDRESS"),
        (
            _with_last(RECORD, "failed", "create"),
            False,
            "create failed in upload",
            "create environment --env-file FILE",
        ),
        (_with_last(_with_last(PROVED, "failed"), "succeeded"), False, "running", "test demo"),
    ],
)
def test_an_operation_that_did_not_end_well_comes_first(record: Record, alive: bool, label: str, verb: str) -> None:
    assert _record.label(record, alive) == label
    assert _record.next_step(record, alive) == f"torrust-tracker-deployer {verb}"


def test_an_existing_host_is_registered() -> None:
    step = _record.next_step(RECORD, False, existing_host=True)
    assert step == "torrust-tracker-deployer register demo --instance-ip ADDRESS"


def test_another_machine_forgets_what_was_on_the_old_one() -> None:
    other = _record.with_infrastructure(PROVED, replace(MACHINE, host_keys=("ssh-ed25519 BBBB",)))
    assert (other.host, other.release, other.running, other.verdict) == (None, None, None, None)
    moved = _record.with_infrastructure(PROVED, replace(MACHINE, address="fd00::2", ipv6="fd00::2"))
    assert moved.running == PROVED.running
    unpinned = replace(PROVED, infrastructure=replace(MACHINE, host_keys=()))
    assert _record.with_infrastructure(unpinned, MACHINE).running == PROVED.running
    assert _record.with_infrastructure(unpinned, replace(MACHINE, address="10.0.0.3")).running is None


def test_a_new_machine_ends_being_destroyed() -> None:
    again = _record.with_infrastructure(_record.destroyed(PROVED, LATEST), MACHINE)
    assert _record.label(again, False) == "provisioned"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"surprise": 1}, "surprise is not known"),
        ({"name": None}, "name must be text, but is null"),
        ({"infrastructure": {"method": "bought"}}, "infrastructure.address is missing"),
        ({"infrastructure": {**_record.to_document(MACHINE_THERE)["infrastructure"], "method": "bought"}}, "one of"),
        ({"infrastructure": {**_record.to_document(MACHINE_THERE)["infrastructure"], "ssh_port": True}}, "a number"),
        ({"history": {}}, "history must be a list, but is dict"),
        ({"history": ["x"]}, "history[0] must be an object"),
        ({"images": []}, "images must be an object"),
        ({"images": {"tracker": {"reference": 1, "id": "", "source": ""}}}, "images.tracker.reference must be text"),
        ({"format": None}, "does not say its format"),
        ({"format": True}, "does not say its format"),
        ({"format": 0}, "does not say its format"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(change: dict[str, Any], cause: str) -> None:
    with pytest.raises(DeployerError) as caught:
        _record.from_document({**_record.to_document(RECORD), **change})
    assert caught.value.code == "record-corrupt"
    assert cause in caught.value.cause


@pytest.mark.parametrize("document", [None, [], "text", 1, {}])
def test_what_is_no_record_is_refused(document: Any) -> None:
    with pytest.raises(DeployerError) as caught:
        _record.from_document(document)
    assert caught.value.code == "record-corrupt"


def test_a_newer_format_asks_for_an_update() -> None:
    with pytest.raises(DeployerError) as caught:
        _record.from_document({**_record.to_document(RECORD), "format": _record.FORMAT + 1})
    assert caught.value.code == "record-too-new"
    assert "update" in caught.value.next_step


def test_older_formats_are_brought_up_one_by_one() -> None:
    steps = {1: lambda old: {"two": old["one"]}, 2: lambda old: {"three": old["two"]}}
    old = {"format": 1, "one": "kept"}
    assert _record.migrate(old, 3, steps) == {"format": 3, "three": "kept"}
    assert old == {"format": 1, "one": "kept"}


def test_every_older_format_has_its_migration() -> None:
    assert sorted(_record.MIGRATIONS) == list(range(1, _record.FORMAT))
