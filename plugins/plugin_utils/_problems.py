# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with an env file: problems with a stable code, a path, a value, a sentence and a fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import (
    DeployerError,
    ExitCode,
)

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]


def format_path(path: Sequence[str | int]) -> str:
    """``("tracker", "udp_trackers", 1, "domain")`` as ``tracker.udp_trackers[1].domain``; the file is ``(file)``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text or "(file)"


@dataclass(frozen=True)
class Problem:
    """One finding. ``path`` is a tuple of keys and indexes; ``value`` is shown as text and never a secret."""

    code: str
    path: Path
    message: str
    fix: str
    value: str = ""
    severity: Severity = "error"

    def document(self) -> dict[str, Any]:
        """As JSON, with the path in its printed form."""
        return {**asdict(self), "path": format_path(self.path)}

    def text(self) -> str:
        """Two lines for a person."""
        value = f" (is {self.value})" if self.value else ""
        return f"{self.severity}: {format_path(self.path)}: {self.message}{value} [{self.code}]\n  fix: {self.fix}"


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Those that refuse the file."""
    return [problem for problem in problems if problem.severity == "error"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A closing `` (did you mean 'x'?)`` for the nearest known word, else an empty string."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{match[0]}'?)" if match else ""


def invalid_environment(source: str, problems: Sequence[Problem]) -> DeployerError:
    """All problems as one error; ``details.problems`` holds them as data."""
    found = errors(problems)
    count = f"{len(found)} problem" + ("s" if len(found) != 1 else "")
    return DeployerError(
        "invalid-environment",
        f"The environment file has {count}.",
        where=source,
        cause="\n".join(problem.text() for problem in problems),
        next_step=f"mend the file, then: torrust-tracker-deployer validate --env-file {source}",
        exit_code=ExitCode.INVALID_ENVIRONMENT,
        details={"problems": [problem.document() for problem in problems]},
    )
