# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verb ``render`` for playbooks (documented in plugins/modules/render.py)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.utils.vars import load_extra_vars

from ansible_collections.torrust.deployer.plugins.plugin_utils import _render
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction, outcome_result
from ansible_collections.torrust.deployer.plugins.plugin_utils._extra_vars import refuse_misspelt
from ansible_collections.torrust.deployer.plugins.plugin_utils._workspace import caller_path


class ActionModule(DeployerAction):
    """Runs on the controller and never connects to a host."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_file": {"type": "str"},
        "env_name": {"type": "str"},
        "instance_ip": {"type": "str", "required": True},
        "output_dir": {"type": "str", "required": True},
        "force": {"type": "bool", "default": False},
        "strict": {"type": "bool", "default": False},
    }
    RULES: ClassVar[Mapping[str, Any]] = {
        "mutually_exclusive": [("env_file", "env_name")],
        "required_one_of": [("env_file", "env_name")],
    }
    _supports_check_mode = False

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        refuse_misspelt("render", load_extra_vars(self._loader))
        output = caller_path(arguments["output_dir"], os.environ)
        address, force = arguments["instance_ip"], arguments["force"]
        if arguments["env_name"]:
            outcome = _render.render_environment(self.store, arguments["env_name"], address, output, force=force)
        else:
            path = caller_path(arguments["env_file"], os.environ)
            outcome = _render.render_file(path, address, output, os.environ, force=force, strict=arguments["strict"])
        return outcome_result(outcome)
