# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible says of a failed task, as the one error of the core: what failed, where, why, what next.

A result of our own actions carries its error as ``error``; it passes through as it is. Of any other result the message
and the last lines of the tool's output are kept. Nothing leaves here with a secret in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._redact import Redactor

# The end of a tool's output, which holds the reason; longer and nobody reads it.
_LAST_LINES = 15

_OUTPUTS = ("stderr", "module_stderr", "stdout", "module_stdout")
_EXIT_CODES = {"provision": ExitCode.INFRASTRUCTURE, "destroy": ExitCode.INFRASTRUCTURE, "test": ExitCode.VERDICT}
_KNOWN = {"code", "message", "where", "cause", "next_step", "exit_code"}


def from_result(
    result: Mapping[str, Any], *, verb: str, environment: str, task: str, where: str, secrets: Iterable[str]
) -> DeployerError:
    """The error of a failed task's ``result``, redacted. ``where``: the host; ``task``: the task's name, or empty."""
    redactor = Redactor(secrets)
    clean = redactor.value(
        {key: result[key] for key in ("error", "unreachable", "msg", "results", *_OUTPUTS) if key in result}
    )
    own = clean.get("error")
    if isinstance(own, Mapping) and own.get("code") and own.get("message"):
        return _own(own, environment)
    again = f"mend the cause, then go on: torrust-tracker-deployer {verb} {environment}"
    failed = _failed_item(clean)
    if clean.get("unreachable"):
        return DeployerError(
            "host-unreachable",
            f"{verb} lost its host or could not reach it.",
            where=_place(where, redactor.text(task)),
            cause=_cause(failed),
            next_step=again,
            exit_code=ExitCode.UNREACHABLE,
        )
    return DeployerError(
        "task-failed",
        f"{verb} failed.",
        where=_place(where, redactor.text(task)),
        cause=_cause(failed),
        next_step=again,
        exit_code=_EXIT_CODES.get(verb, ExitCode.HOST),
    )


def _own(error: Mapping[str, Any], environment: str) -> DeployerError:
    number = error.get("exit_code")
    return DeployerError(
        str(error["code"]),
        str(error["message"]),
        where=str(error.get("where", "")),
        cause=str(error.get("cause", "")),
        next_step=str(error.get("next_step") or f"torrust-tracker-deployer show {environment}"),
        exit_code=ExitCode(number) if number in set(ExitCode) else ExitCode.UNEXPECTED,
        details={key: value for key, value in error.items() if key not in _KNOWN},
    )


def _place(where: str, task: str) -> str:
    return ", ".join(part for part in (where, f"task '{task}'" if task else "") if part)


def _failed_item(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a loop the first item that failed: the loop's own message says only that one did."""
    items = result.get("results")
    for item in items if isinstance(items, list) else []:
        if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable")):
            return item
    return result


def _cause(result: Mapping[str, Any]) -> str:
    message = str(result.get("msg", "")).strip()
    outputs = (str(result.get(key) or "").strip() for key in _OUTPUTS)
    output = next((text for text in outputs if text), "")
    # Many modules repeat the output in their message.
    text = message if output in message else f"{message}\n{output}"
    return "\n".join(line.rstrip() for line in text.strip().splitlines()[-_LAST_LINES:])
