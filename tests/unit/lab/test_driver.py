# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Order, concurrency and failure of bringing parts up, with parts that only pretend."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.torrust.deployer.tests.lab import _driver, _paths, _process
from ansible_collections.torrust.deployer.tests.lab._part import Artifact, Part
from ansible_collections.torrust.deployer.tests.lab._process import LabError, Log


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_paths, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(_paths, "LOGS", tmp_path / "cache" / "log")
    monkeypatch.setattr(_paths, "WORK", tmp_path / "cache" / "work")
    yield
    _process._stopping.clear()


class Pretend(Part):
    """A part that notes when it was built."""

    def __init__(self, name: str, *needs: str, built: list[str], error: str = "") -> None:
        self.name = name  # type: ignore[misc]
        self.needs = needs  # type: ignore[misc]
        self.built = built
        self.error = error

    def is_up(self) -> bool:
        return self.name in self.built

    def build(self, log: Log) -> None:
        if self.error:
            log.write(self.error)
            raise LabError("refused")
        self.built.append(self.name)


def silent(line: str) -> None:
    """Say nothing."""


def test_needed_parts_come_first_and_only_what_is_missing_is_built() -> None:
    built = ["a"]
    parts = [Pretend("a", built=built), Pretend("b", "a", built=built), Pretend("c", "b", built=built)]
    assert _driver.up(_driver.closure(parts, ["c"]), silent)
    assert built == ["a", "b", "c"]
    assert not _driver.up(parts, silent)


def test_closure_names_an_unknown_part() -> None:
    with pytest.raises(LabError, match="no such part: nowhere"):
        _driver.closure([Pretend("a", built=[])], ["nowhere"])


def test_independent_parts_run_side_by_side() -> None:
    built: list[str] = []
    together = threading.Barrier(2, timeout=10)

    class Meeting(Pretend):
        def build(self, log: Log) -> None:
            together.wait()
            super().build(log)

    assert _driver.up([Meeting("a", built=built), Meeting("b", built=built)], silent, workers=2)
    assert sorted(built) == ["a", "b"]


def test_a_failure_names_the_part_and_its_log_and_stops_what_needs_it() -> None:
    built: list[str] = []
    parts = [Pretend("a", built=built, error="the reason"), Pretend("b", "a", built=built)]
    with pytest.raises(_driver.PartError, match="a: refused") as caught:
        _driver.up(parts, silent)
    assert caught.value.tail() == ["the reason"]
    assert built == []


def test_a_part_that_is_not_up_after_its_build_is_a_failure() -> None:
    class Liar(Pretend):
        def build(self, log: Log) -> None:
            return

    with pytest.raises(_driver.PartError, match="was built, yet is not up"):
        _driver.up([Liar("a", built=[])], silent)


def test_an_artifact_is_complete_or_absent_and_its_work_survives() -> None:
    class Cake(Artifact):
        name = "cake"
        fails = True

        def recipe(self) -> tuple[str, ...]:
            return ("flour",)

        def make(self, target: Path, work: Path, log: Log) -> None:
            (target / "cake").write_text("half")
            if self.fails:
                (work / "dough").write_text("mixed")
                raise LabError("oven")
            assert (work / "dough").read_text() == "mixed"
            (target / "cake").write_text("whole")

    cake = Cake()
    with pytest.raises(LabError, match="oven"):
        cake.build(Log("cake"))
    assert not cake.is_up()
    cake.fails = False
    cake.build(Log("cake"))
    assert (cake.directory / "cake").read_text() == "whole"
    assert [path.name for path in cake.directory.parent.iterdir()] == [cake.hash]
    assert not list(_paths.WORK.iterdir())
