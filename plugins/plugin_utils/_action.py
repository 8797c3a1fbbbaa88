# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge between Ansible and the core: what every action plugin of this collection has in common.

An action is ten lines: ``SPEC`` and ``act``. Its result keys that the doors understand:

- ``document``: the verb's result as JSON data; the command prints that of the last task that has one;
- ``error``: ``DeployerError.document()`` of a failure, beside ``msg`` (its text for a person) and ``exit_code``.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.torrust.deployer.plugins.plugin_utils import _workspace
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

if TYPE_CHECKING:
    from ansible_collections.torrust.deployer.plugins.plugin_utils._report import Outcome
    from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

REDACTED = "********"
# Shorter strings stand in too many innocent places to be taken out of a text.
_SHORTEST_REDACTED = 4


class DeployerAction(ActionBase):
    """An action that runs on the controller.

    ``SPEC`` is an argument spec as modules have it; every action also takes ``workspace``. ``act`` returns result keys
    (``changed`` is added as false if missing) or raises ``DeployerError``, which becomes the failed result.
    """

    SPEC: ClassVar[Mapping[str, Any]] = {}
    RULES: ClassVar[Mapping[str, Any]] = {}
    """Further arguments of ``validate_argument_spec``, such as ``required_if``."""

    _requires_connection = False
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point. Raises nothing of ours."""
        super().run(None, task_vars)
        self._secrets: set[str] = set()
        try:
            arguments = self._arguments()
            self.workspace = _workspace.resolve(arguments.pop("workspace", None), os.environ)
            result = {"changed": False, **self.act(arguments, task_vars or {})}
        except DeployerError as error:
            result = failed_result(error)
        protected: dict[str, Any] = redact(result, self._secrets)
        return protected

    @abstractmethod
    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Do it. ``arguments``: validated, with defaults. ``variables``: the task's variables."""

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self._task.check_mode)

    @property
    def store(self) -> FileStore:
        """The store of the task's workspace."""
        from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

        return FileStore(self.workspace)

    def protect(self, secrets: Iterable[str]) -> None:
        """From here on these values are replaced wherever they would stand in the result."""
        self._secrets.update(secret for secret in secrets if len(secret) >= _SHORTEST_REDACTED)

    def module(self, name: str, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Run a module on the task's host; its result as it came: done, failed or unreachable.

        A lost host is a result too. As Ansible's exception it would end the play past its rescue, which files failures.
        """
        try:
            result: dict[str, Any] = self._execute_module(
                module_name=name, module_args=dict(arguments), task_vars=dict(variables)
            )
        except AnsibleConnectionFailure as failure:
            return {"unreachable": True, "msg": str(failure.message)}
        return result

    def _arguments(self) -> dict[str, Any]:
        spec = {"workspace": {"type": "str"}, **self.SPEC}
        try:
            _result, arguments = self.validate_argument_spec(argument_spec=spec, **self.RULES)
        except AnsibleActionFail as failure:
            raise DeployerError(
                "bad-arguments",
                f"The task {self._task.action} has wrong arguments.",
                cause=str(failure.message),
                next_step=f"see its options: ansible-doc {self._task.action}",
                exit_code=ExitCode.USAGE,
            ) from failure
        return dict(arguments)


def failed_result(error: DeployerError) -> dict[str, Any]:
    """The result of a task that failed for a reason of ours."""
    return {
        "changed": False,
        "failed": True,
        "msg": error.text(),
        "error": error.document(),
        "exit_code": int(error.exit_code),
    }


def outcome_result(outcome: Outcome) -> dict[str, Any]:
    """The result of a task that did a whole verb."""
    result: dict[str, Any] = {
        "changed": outcome.changed,
        "document": dict(outcome.document),
        "text": outcome.text,
        "env_name": outcome.environment,
    }
    if outcome.warnings:
        result["warnings"] = [warning.removeprefix("warning: ") for warning in outcome.warnings]
    return result


def redact(value: Any, secrets: Iterable[str]) -> Any:
    """``value`` with every secret in its texts (keys too) replaced, longest first so that no rest of one remains."""
    ordered = sorted(secrets, key=len, reverse=True)
    if not ordered:
        return value
    return _redact(value, ordered)


def _redact(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, Mapping):
        return {_redact(key, secrets): _redact(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redact(item, secrets) for item in value]
    return value
