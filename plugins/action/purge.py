# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removes an environment from the store (documented in plugins/modules/purge.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.torrust.deployer.plugins.plugin_utils import _tofu
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode


class ActionModule(DeployerAction):
    """Refuses while anything exists that only this record can find again."""

    SPEC: ClassVar[Mapping[str, Any]] = {"env_name": {"type": "str", "required": True}}

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        name = arguments["env_name"]
        record = self.store.load(name)
        directory = self.store.directory(name, "tofu")
        there = _tofu.addresses_in_state(directory)
        if record.infrastructure is not None:
            there.append(f"{record.infrastructure.method} machine {record.infrastructure.address}")
        if (directory / _tofu.APPLYING).exists() and not there:
            there.append("what a killed run may have made")
        if there:
            raise DeployerError(
                "infrastructure-exists",
                f"The environment {name!r} still has infrastructure, which only its record can find again.",
                cause="\n".join(there),
                next_step=f"torrust-tracker-deployer destroy {name}, then purge it",
                exit_code=ExitCode.REFUSED,
            )
        if not self.check_mode:
            self.store.remove(name)
        return {"changed": True, "document": {"environment_name": name, "purged": True}}
