# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tracker as clients outside see it (documented in plugins/modules/probe_clients.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.torrust.deployer.plugins.module_utils._probe import run_probes
from ansible_collections.torrust.deployer.plugins.plugin_utils import _probing
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import from_document
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import make_plan


class ActionModule(DeployerAction):
    """Announces to every public listener from the controller; the rows are judged by ``verdict``."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_name": {"type": "str", "required": True},
        "timeout": {"type": "float", "default": 3.0},
    }

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        name = arguments["env_name"]
        record = self.store.load(name)
        plan = make_plan(from_document(record.environment), catalogue())
        if record.infrastructure is None:
            raise DeployerError(
                "no-instance",
                "The environment has no instance to test.",
                where=name,
                next_step=f"torrust-tracker-deployer deploy {name}",
                exit_code=ExitCode.CONFLICT,
            )
        request = _probing.outside(plan, record.infrastructure)
        request["options"] = {
            "timeout": arguments["timeout"],
            "container_networks": [plan.network.ipv6_subnet],
        }
        rows = [verdict.as_dict() for verdict in run_probes(request)]
        rows += [
            {
                "probe": "introduce",
                "target": f"{listener.id} {family} port {listener.port}",
                "status": "untested",
                "hop": "route",
                "message": f"no {family} address of the instance is known",
                "next_step": "give the instance one, or bind the listener to the other family only",
                "seconds": 0.0,
            }
            for listener, family in _probing.unaddressed(plan, record.infrastructure)
        ]
        return {"rows": rows, "on_host": _probing.on_host(plan)}
