# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python environment that the stand-in provider runs in."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from .. import _paths
from .._part import Artifact
from .._process import Log

_REQUIREMENTS = _paths.HERE / "provider" / "requirements.txt"


class ProviderPython(Artifact):
    """A venv; used only through its ``bin/python``, so it may be renamed into place."""

    name = "provider-python"
    takes = "15 s"

    def recipe(self) -> Iterable[str | bytes | Path]:
        """Return the requirements. Not the Python: whoever asks for the hash may run another one."""
        return (_REQUIREMENTS,)

    def is_up(self) -> bool:
        """Tell whether it is there and the Python it was made from still is."""
        return (self.directory / "bin" / "python").exists()

    def make(self, target: Path, work: Path, log: Log) -> None:
        """Make the venv and install."""
        log.run([sys.executable, "-m", "venv", target])
        log.run([target / "bin" / "python", "-m", "pip", "install", "--no-input", "--requirement", _REQUIREMENTS])
