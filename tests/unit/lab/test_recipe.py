# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recipe's hash: the same for the same inputs, another for any other."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.torrust.deployer.tests.lab._part import Artifact, digest
from ansible_collections.torrust.deployer.tests.lab.parts import ALL


def test_boundaries_between_inputs_count() -> None:
    assert digest(["ab", "c"]) != digest(["a", "bc"])
    assert digest(["a"]) == digest([b"a"])


def test_a_directory_counts_by_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one").write_text("1")
    before = digest([tmp_path])
    assert digest([tmp_path]) == before
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_text("x")
    assert digest([tmp_path]) == before
    (tmp_path / "sub" / "one").write_text("2")
    changed = digest([tmp_path])
    assert changed != before
    (tmp_path / "sub" / "one").rename(tmp_path / "sub" / "two")
    assert digest([tmp_path]) not in (before, changed)


def test_parts_come_after_what_they_need() -> None:
    seen: set[str] = set()
    for part in ALL:
        assert seen.issuperset(part.needs), part.name
        assert part.name not in seen
        seen.add(part.name)


def test_recipes_do_not_depend_on_the_moment() -> None:
    for part in ALL:
        if isinstance(part, Artifact):
            assert part.hash == part.hash
            assert len(part.hash) == 12
