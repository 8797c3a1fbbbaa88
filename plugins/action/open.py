# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first task of every verb: who asks for what on which environment (documented in plugins/modules/open.py)."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.utils.vars import load_extra_vars

from ansible_collections.torrust.deployer.plugins.plugin_utils import _envfile, _operation
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import Environment, check, from_document
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._extra_vars import refuse_misspelt
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import make_plan
from ansible_collections.torrust.deployer.plugins.plugin_utils._problems import invalid_environment
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Failure, Record
from ansible_collections.torrust.deployer.plugins.plugin_utils._workspace import caller_path

# What an environment must have before a verb, in this order, with the verb that brings it about.
_NEEDS = (("instance", "provision"), ("configured", "configure"), ("released", "release"))


class ActionModule(DeployerAction):
    """Opens the environment for a verb and says how to reach its instance."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "verb": {"type": "str", "required": True},
        "env_name": {"type": "str"},
        "env_file": {"type": "str"},
        "needs": {"type": "str", "choices": [need for need, _verb in _NEEDS]},
        "exclusive": {"type": "bool", "default": True},
        "take_over": {"type": "bool", "default": False},
    }

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        verb = arguments["verb"]
        refuse_misspelt(verb, load_extra_vars(self._loader))
        name = arguments["env_name"] or _name_in(arguments["env_file"], verb)
        working = arguments["exclusive"] and not self.check_mode
        record = self.store.load(name)
        try:
            _require(arguments["needs"], record, check_mode=self.check_mode)
        except DeployerError as error:
            # Only what this very run has open fails with it: a verb that is refused has not begun.
            if working:
                _operation.fail(self.store, name, Failure(error.code, error.message, error.next_step))
            raise
        nested, interrupted = False, None
        if working:
            begun = _operation.begin(self.store, name, verb, take_over=arguments["take_over"])
            record, nested, interrupted = begun.record, begun.nested, begun.interrupted
        environment = from_document(record.environment)
        plan = make_plan(environment, catalogue())
        return {
            "env_name": name,
            "workspace": str(self.workspace),
            "plan": plan.document(),
            "managed": plan.instance.managed,
            "nested": nested,
            "interrupted": interrupted.verb if interrupted else None,
            "instance": self._instance(environment, record),
        }

    def _instance(self, environment: Environment, record: Record) -> dict[str, Any] | None:
        """How to reach the instance, as Ansible connection facts; ``None`` while there is none."""
        infrastructure = record.infrastructure
        if infrastructure is None:
            return None
        known_hosts = self.store.file(record.name, "known_hosts")
        return {
            "address": infrastructure.address,
            "port": infrastructure.ssh_port,
            "user": infrastructure.ssh_user,
            "private_key": environment.ssh.private_key_path,
            "ssh_arguments": shlex.join(
                [
                    *("-o", f"UserKnownHostsFile={_ssh_quoted(str(known_hosts))}"),
                    *("-o", "GlobalKnownHostsFile=/dev/null"),
                    *("-o", "StrictHostKeyChecking=yes"),
                    *("-o", "IdentitiesOnly=yes"),
                ]
            ),
        }


def _ssh_quoted(path: str) -> str:
    """A path in an ssh option: ssh splits at spaces and expands %."""
    return '"' + path.replace("%", "%%") + '"'


def _name_in(env_file: str | None, verb: str) -> str:
    if not env_file:
        raise DeployerError(
            "environment-not-named",
            f"{verb} was not told which environment.",
            next_step=f"name one: torrust-tracker-deployer {verb} NAME, or -e env_name=NAME (see them: list)",
            exit_code=ExitCode.USAGE,
        )
    path = caller_path(env_file, os.environ)
    checked = check(_envfile.load(path), path.parent)
    if checked.environment is None:
        raise invalid_environment(str(path), checked.problems)
    return checked.environment.name


def _require(need: str | None, record: Record, *, check_mode: bool) -> None:
    """Refuse to go on without what the verb needs. A dry run goes on: what is missing is listed as still to come."""
    if need is None or check_mode:
        return
    facts = {"instance": record.infrastructure, "configured": record.host, "released": record.release}
    for fact, verb in _NEEDS:
        if facts[fact] is None:
            registers = fact == "instance" and record.environment["provider"]["provider"] == "existing"
            raise DeployerError(
                f"not-{fact}" if fact != "instance" else "no-instance",
                {
                    "instance": "The environment has no instance yet.",
                    "configured": "The instance has not been configured yet.",
                    "released": "There is no release on the instance yet.",
                }[fact],
                where=record.name,
                next_step=f"torrust-tracker-deployer {'register' if registers else verb} {record.name}"
                + (" --instance-ip ADDRESS" if registers else "")
                + f" (or everything at once: torrust-tracker-deployer deploy {record.name})",
                exit_code=ExitCode.CONFLICT,
            )
        if fact == need:
            return
