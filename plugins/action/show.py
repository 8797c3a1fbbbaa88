# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verb ``show`` for playbooks (documented in plugins/modules/show.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.utils.vars import load_extra_vars

from ansible_collections.torrust.deployer.plugins.plugin_utils import _show
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction, outcome_result
from ansible_collections.torrust.deployer.plugins.plugin_utils._extra_vars import refuse_misspelt


class ActionModule(DeployerAction):
    """Runs on the controller and never connects to a host."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_name": {"type": "str", "required": True},
        "with_plan": {"type": "bool", "default": False},
    }

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        refuse_misspelt("show", load_extra_vars(self._loader))
        return outcome_result(_show.show(self.store, arguments["env_name"], with_plan=arguments["with_plan"]))
