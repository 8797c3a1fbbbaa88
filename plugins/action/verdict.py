# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All probe rows judged and filed (documented in plugins/modules/verdict.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._probing import rows_sorted
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Verdict, now


class ActionModule(DeployerAction):
    """Passes if no row failed and at least one listener was really probed."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_name": {"type": "str", "required": True},
        "rows": {"type": "list", "elements": "dict", "required": True},
    }

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        name = arguments["env_name"]
        rows = rows_sorted(arguments["rows"])
        failed = [row for row in rows if row["status"] == "failed"]
        tested = any(row["status"] in ("passed", "warned") for row in rows)
        verdict = Verdict(not failed and tested, now(), tuple(f"{row['probe']} {row['target']}" for row in failed))
        if not self.check_mode:
            self.store.update(name, lambda record: replace(record, verdict=verdict))
        document = {"environment": name, "passed": verdict.passed, "probes": rows}
        if not verdict.passed:
            raise DeployerError(
                "test-failed",
                f"{len(failed)} of {len(rows)} probes failed." if failed else "Nothing could be tested.",
                where=name,
                cause="\n".join(_line(row) for row in rows if row["status"] != "passed"),
                next_step=(failed[0]["next_step"] if failed else "") or f"torrust-tracker-deployer test {name}",
                exit_code=ExitCode.VERDICT,
                details={"probes": rows},
            )
        text = "\n".join(_line(row) for row in rows)
        return {"document": document, "rows": rows, "text": f"{text}\n{name}: {len(rows)} probes, none failed\n"}


def _line(row: Mapping[str, Any]) -> str:
    hop = f" at the {row['hop']}" if row["hop"] else ""
    return f"{row['target']}: {row['probe']} {row['status']}{hop}: {row['message']}"
