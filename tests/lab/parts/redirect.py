# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test-only collection ``cloud.terraform``."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from .. import _paths
from .._part import Artifact
from .._process import Log

_SOURCE = _paths.HERE / "collections"


class Redirect(Artifact):
    """A directory for Ansible's collection path with the redirecting collection in it."""

    name = "redirect"
    stand_in = "the collection cloud.terraform is the lab's own: it redirects to community.general.terraform"
    takes = "1 s"

    def recipe(self) -> Iterable[str | bytes | Path]:
        """Return the collection's files."""
        return (_SOURCE,)

    def make(self, target: Path, work: Path, log: Log) -> None:
        """Copy them, out of reach of edits in the working tree."""
        shutil.copytree(_SOURCE, target, dirs_exist_ok=True)
