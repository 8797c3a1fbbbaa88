# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one error type of the core: what failed, where, why, and what to do next.

Both doors (Ansible actions and the command) print it the same way; its ``code`` and ``exit_code`` are public.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """Exit codes of the ``torrust-tracker-deployer`` command (documented in docs/command.md)."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    INVALID_ENVIRONMENT = 3
    NOT_FOUND = 4
    CONFLICT = 5
    BUSY = 6
    REFUSED = 7
    INFRASTRUCTURE = 8
    UNREACHABLE = 9
    HOST = 10
    VERDICT = 11


class DeployerError(Exception):
    """A failure a person can act on.

    ``code``: stable kebab-case identifier. ``message``: one sentence, what failed. ``where``: file, host or phase.
    ``cause``: the tool's own last lines. ``next_step``: a command or an edit. None of them ever holds a secret.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        next_step: str,
        where: str = "",
        cause: str = "",
        exit_code: ExitCode = ExitCode.UNEXPECTED,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.cause = cause.strip()
        self.next_step = next_step
        self.exit_code = exit_code
        self.details = details or {}

    def document(self) -> dict[str, Any]:
        """The error as the JSON object that ``--json`` prints: empty parts are left out."""
        body: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "cause": self.cause,
            "next_step": self.next_step,
            "exit_code": int(self.exit_code),
            **self.details,
        }
        return {key: value for key, value in body.items() if value not in ("", None)}

    def text(self) -> str:
        """The error as lines for a person: message, where, cause (indented), next step."""
        lines = [self.message]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.cause:
            lines.extend(f"  | {line}" for line in self.cause.splitlines())
        lines.append(f"  next:  {self.next_step}")
        return "\n".join(lines)
