# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks before something is destroyed (documented in plugins/modules/confirm.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleError
from ansible.module_utils.common.text.converters import to_text
from ansible.utils.display import Display

from ansible_collections.torrust.deployer.plugins.plugin_utils import _tofu
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Record


class ActionModule(DeployerAction):
    """Says what will go, and goes on only with the environment's name as the answer."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_name": {"type": "str", "required": True},
        "verb": {"type": "str", "required": True, "choices": ["destroy", "purge"]},
        "confirm": {"type": "str"},
        "data": {"type": "str", "choices": ["keep", "delete"], "default": "keep"},
        "forget": {"type": "bool", "default": False},
    }

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        name, verb = arguments["env_name"], arguments["verb"]
        record = self.store.load(name)
        made = _tofu.addresses_in_state(self.store.directory(name, "tofu"))
        goes = self._destroyed(record, made, arguments) if verb == "destroy" else self._purged(name)
        if goes and not self.check_mode:
            self._ask(name, verb, goes, arguments["confirm"])
        return {"goes": goes}

    @staticmethod
    def _destroyed(record: Record, made: list[str], arguments: Mapping[str, Any]) -> list[str]:
        machine = record.infrastructure
        if made or (machine is not None and machine.method == "provisioned"):
            place = f" ({machine.address})" if machine else ""
            return [f"the machine{place} with everything on it: {', '.join(made) or 'what OpenTofu made'}"]
        if machine is None:
            return []
        if arguments["forget"]:
            return [f"what is known here of {machine.address}; nothing on that machine is touched"]
        kept = "all data of the services" if arguments["data"] == "delete" else "nothing of the services' data"
        return [f"on {machine.address}: our containers, firewall rules, timers and files, and {kept}"]

    def _purged(self, name: str) -> list[str]:
        return [f"everything kept here of {name}: {self.store.workspace / 'data' / name}"]

    def _ask(self, name: str, verb: str, goes: list[str], answer: str | None) -> None:
        if answer is None:
            # The display asks for us: a task has no terminal of its own.
            question = f"{verb} {name} removes {'; '.join(goes)}.\nType the environment's name to go on: "
            try:
                answer = to_text(Display().prompt_until(question)).strip()
            except AnsibleError:
                answer = None
        if answer == name:
            return
        given = f"'{answer}' is not its name." if answer else "Nobody confirmed it."
        raise DeployerError(
            "not-confirmed",
            f"{verb} {name} was not confirmed, so nothing was changed. {given}",
            cause="\n".join(f"it removes {line}" for line in goes),
            next_step=f"torrust-tracker-deployer {verb} {name} --confirm {name} (playbook: -e confirm={name})",
            exit_code=ExitCode.REFUSED,
        )
