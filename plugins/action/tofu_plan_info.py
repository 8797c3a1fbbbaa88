# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a saved OpenTofu plan would do (documented in plugins/modules/tofu_plan_info.py)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.torrust.deployer.plugins.plugin_utils import _tofu
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode


class ActionModule(DeployerAction):
    """Runs on the controller, where OpenTofu is. Only reads."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "project_path": {"type": "path", "required": True},
        "plan_file": {"type": "str", "required": True},
        "binary_path": {"type": "path", "required": True},
        "refuse_losses": {"type": "bool", "default": False},
        "replace": {"type": "list", "elements": "str", "default": []},
        "again": {"type": "str"},
    }

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        changes = _tofu.read_plan(arguments["binary_path"], Path(arguments["project_path"]), arguments["plan_file"])
        losses = changes.losses(arguments["replace"])
        if arguments["refuse_losses"] and losses and not self.check_mode:
            raise _refused(changes, losses, arguments["again"])
        actions = {
            "create": list(changes.create),
            "update": list(changes.update),
            "replace": list(changes.replace),
            "delete": list(changes.delete),
        }
        return {
            "actions": actions,
            "counts": {action: len(addresses) for action, addresses in actions.items()},
            "losses": list(losses),
            "has_changes": changes.any,
            "new_machine": changes.new_machine(),
            "outputs": dict(changes.outputs or {}),
        }


def _refused(changes: _tofu.Changes, losses: tuple[str, ...], again: str | None) -> DeployerError:
    lines = [f"{'replace' if address in changes.replace else 'delete '} {address}" for address in losses]
    named = ",".join(losses)
    return DeployerError(
        "infrastructure-loss-refused",
        "The change of the environment would destroy a machine with everything on it, so nothing was changed.",
        cause="\n".join(lines),
        next_step=(
            "take the change back in the environment file (create environment), or accept the loss by naming it: "
            f"{again or 'ansible-playbook torrust.deployer.provision'} -e replace={named}"
        ),
        exit_code=ExitCode.REFUSED,
        details={"losses": list(losses)},
    )
