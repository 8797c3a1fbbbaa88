# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a part of the lab is: something with a name, needs, a way to be had and a way to be undone."""

from __future__ import annotations

import hashlib
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from . import _paths
from ._process import Log


def digest(inputs: Iterable[str | bytes | Path]) -> str:
    """Return twelve hex digits that stand for a recipe.

    Text counts as it is; a path by the names and contents of all files in it.
    """
    total = hashlib.sha256()

    def feed(data: bytes) -> None:
        # The length first: ("ab", "c") and ("a", "bc") are different recipes.
        total.update(len(data).to_bytes(8, "big") + data)

    for one in inputs:
        if isinstance(one, Path):
            below = (path for path in one.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
            files = [one] if one.is_file() else sorted(below)
            for file in files:
                feed(str(file.relative_to(one.parent)).encode())
                feed(file.read_bytes())
        else:
            feed(one.encode() if isinstance(one, str) else one)
    return total.hexdigest()[:12]


class Part(ABC):
    """One part of the lab. Objects have no state of their own: what is true is looked up each time."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    # What is not the real thing about it, for the output of whatever used it.
    stand_in: ClassVar[str] = ""
    # What the first build takes, for the progress line.
    takes: ClassVar[str] = ""

    @abstractmethod
    def is_up(self) -> bool:
        """Tell, quickly and without changing anything, whether the part can be used now."""

    @abstractmethod
    def build(self, log: Log) -> None:
        """Make the part usable.

        :raises LabError: when that fails.
        """

    def down(self, log: Log) -> None:  # noqa: B027 - most parts leave nothing outside the cache
        """Undo what ``build`` left on the machine outside the cache."""

    def detail(self) -> str:
        """Return where it is or what it is, in a few words."""
        return ""


class Artifact(Part):
    """A part that is files in the cache, named by the hash of what they were made from."""

    @abstractmethod
    def recipe(self) -> Iterable[str | bytes | Path]:
        """Return all that the result depends on."""

    @abstractmethod
    def make(self, target: Path, work: Path, log: Log) -> None:
        """Make the files in the empty directory ``target``; ``work`` survives a killed build."""

    @property
    def hash(self) -> str:
        """The recipe's hash."""
        return digest(self.recipe())

    @property
    def directory(self) -> Path:
        """Where the result is, or will be."""
        return _paths.CACHE / self.name / self.hash

    def is_up(self) -> bool:
        """Tell whether the result is there; a half-made one never is under this name."""
        return self.directory.is_dir()

    def build(self, log: Log) -> None:
        """Make the result aside, then rename it into place."""
        target = self.directory
        work = _paths.WORK / f"{self.name}-{target.name}"
        aside = target.with_name(f"{target.name}.{os.getpid()}.aside")
        for left_over in target.parent.glob("*.aside"):
            shutil.rmtree(left_over)
        aside.mkdir(parents=True)
        work.mkdir(parents=True, exist_ok=True)
        self.make(aside, work, log)
        aside.rename(target)
        shutil.rmtree(work, ignore_errors=True)

    def detail(self) -> str:
        """Return the directory."""
        return str(self.directory)
