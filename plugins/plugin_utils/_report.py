# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a verb and the one JSON document that every door prints of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Outcome:
    """What a verb did: ``document`` for programs, ``text`` for people, ``warnings`` (each with its fix) for both."""

    document: Mapping[str, Any]
    text: str
    changed: bool = False
    warnings: tuple[str, ...] = ()
    environment: str | None = field(default=None)


def report(
    verb: str,
    environment: str | None,
    *,
    changed: int,
    steps: Iterable[Mapping[str, Any]] = (),
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document of ``--json``. ``changed``: number of changes made; ``result`` or ``error`` is null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "verb": verb,
        "environment": environment,
        "ok": error is None,
        "changed": changed,
        "steps": list(steps),
        "result": dict(result) if result is not None else None,
        "error": dict(error) if error is not None else None,
    }


def report_error(verb: str, environment: str | None, error: DeployerError) -> dict[str, Any]:
    """The document of a verb that failed before it had any step."""
    return report(verb, environment, changed=0, error=error.document())
