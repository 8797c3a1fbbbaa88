# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verb ``create`` for playbooks (documented in plugins/modules/create.py)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.utils.vars import load_extra_vars

from ansible_collections.torrust.deployer.plugins.plugin_utils import _verbs
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction, outcome_result
from ansible_collections.torrust.deployer.plugins.plugin_utils._extra_vars import refuse_misspelt
from ansible_collections.torrust.deployer.plugins.plugin_utils._workspace import caller_path


class ActionModule(DeployerAction):
    """Runs on the controller and never connects to a host."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_file": {"type": "str", "required": True},
        "strict": {"type": "bool", "default": False},
    }

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        refuse_misspelt("create", load_extra_vars(self._loader))
        path = caller_path(arguments["env_file"], os.environ)
        outcome = _verbs.create(self.store, path, os.environ, strict=arguments["strict"], check_mode=self.check_mode)
        return outcome_result(outcome)
