# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Progress on standard error: the step at work with its elapsed time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import Any


class Live:
    """``enabled``: standard error is a terminal. Nothing of it remains on the screen but what was printed."""

    def __init__(self, *, enabled: bool) -> None:
        self._progress: Any = None
        self._task: Any = None
        if enabled:
            self._progress = _progress()

    def show(self, step: str | None) -> None:
        """The step that is at work now; ``None``: nothing is shown."""
        if self._progress is None:
            return
        if step is None:
            self._progress.stop()
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(step, total=None)
        self._progress.start()

    def print(self, line: str) -> None:
        """A line that stays."""
        if self._progress is None:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        else:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is at work any more."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _progress() -> Any:
    """A spinner, the step and its time; ``None`` without the library: progress is then lines."""
    try:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    except ImportError:
        return None
    # Ansible's workers are forked from this process and write themselves: the streams must stay what they are.
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
