# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of a verb, opened, marked and closed by playbooks (documented in plugins/modules/operation.py)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.torrust.deployer.plugins.plugin_utils import _operation
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError
from ansible_collections.torrust.deployer.plugins.plugin_utils._failure import from_result
from ansible_collections.torrust.deployer.plugins.plugin_utils._json_facts import to_json
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Failure, Record, to_document
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore
from ansible_collections.torrust.deployer.plugins.plugin_utils._workspace import resolve

_ARGUMENTS: dict[str, Any] = {
    "environment": {"type": "str", "required": True},
    "verb": {"type": "str", "required": True},
    "state": {"type": "str", "required": True, "choices": ["begin", "phase", "finish", "fail"]},
    "phase": {"type": "str"},
    "changed": {"type": "bool"},
    "error": {"type": "dict"},
    "task": {"type": "str"},
    "take_over": {"type": "bool", "default": False},
    "workspace": {"type": "path"},
}


class ActionModule(ActionBase):
    """Works on the record on the controller; never connects to the host."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            argument_spec=_ARGUMENTS, required_if=[("state", "phase", ["phase"])]
        )
        try:
            store = FileStore(resolve(arguments["workspace"], os.environ))
            if arguments["state"] == "fail":
                return self._fail(store, arguments, task_vars or {})
            return {"changed": False, **self._go_on(store, arguments)}
        except DeployerError as error:
            return _failed(error)

    def _go_on(self, store: FileStore, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name, verb = str(arguments["environment"]), str(arguments["verb"])
        dry = bool(self._task.check_mode)
        if arguments["state"] == "begin":
            if dry:
                return _facts(store, store.load(name))
            begun = _operation.begin(store, name, verb, take_over=arguments["take_over"])
            return {
                **_facts(store, begun.record),
                "operation": {
                    "id": begun.operation.id,
                    "verb": begun.operation.verb,
                    "phase": begun.operation.phase,
                    "nested": begun.nested,
                },
                "interrupted": to_json(begun.interrupted),
            }
        if dry:
            return {}
        if arguments["state"] == "phase":
            _operation.phase(store, name, str(arguments["phase"]))
        else:
            _operation.finish(store, name, verb, changed=arguments["changed"])
        return {}

    def _fail(self, store: FileStore, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        name, verb = str(arguments["environment"]), str(arguments["verb"])
        task = arguments["task"]
        if task is None:
            task = (task_vars.get("ansible_failed_task") or {}).get("name", "")
        notes = []
        try:
            secrets = list(store.secrets(name).values()) if store.exists(name) else []
            error = from_result(
                arguments["error"] or task_vars.get("ansible_failed_result") or {},
                verb=verb,
                environment=name,
                task=str(task),
                where=str(task_vars.get("inventory_hostname", "")),
                secrets=secrets,
            )
        except DeployerError as unreadable:
            # Without the secrets nothing can be redacted: then nothing of the result may be shown.
            return _failed(unreadable)
        if not self._task.check_mode:
            try:
                failure = Failure(error.code, error.message, error.next_step)
                _operation.fail(store, name, failure, changed=arguments["changed"])
            except DeployerError as unwritten:
                notes.append(f"The record could not be written either: {unwritten.text()}")
        return _failed(error, notes)


def _failed(error: DeployerError, notes: list[str] | None = None) -> dict[str, Any]:
    return {"failed": True, "msg": "\n".join([error.text(), *(notes or [])]), "error": error.document()}


def _facts(store: FileStore, record: Record) -> dict[str, Any]:
    """What later plays need to reach the host and to know what is on it; the env document and the history are left."""
    document = to_document(record)
    known = ("infrastructure", "images", "host", "release", "running", "destroyed_at")
    return {
        "workspace": str(store.workspace),
        "known_hosts": str(store.file(record.name, "known_hosts")),
        "record": {key: document[key] for key in known},
    }
