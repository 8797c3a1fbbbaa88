# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stack brought up, and its health really awaited (documented in plugins/modules/stack_up.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import from_document
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import Plan, make_plan
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Record, Release, now


class ActionModule(DeployerAction):
    """``docker compose up --wait`` of the release in the record; names the guilty container where it fails."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_name": {"type": "str", "required": True},
        "wait_timeout": {"type": "int", "default": 120},
    }

    _requires_connection = True

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        name = arguments["env_name"]
        record = self.store.load(name)
        self.protect(self.store.secrets(name).values())
        plan = make_plan(from_document(record.environment), catalogue())
        release = record.release
        if release is None and self.check_mode:
            # A dry deploy has only said that it would bring a release.
            return {
                "changed": True,
                "done": ["start the stack"],
                "document": {"environment": name, "release": None, "containers": []},
            }
        if release is None:
            raise DeployerError(
                "not-released",
                "There is no release on the instance yet.",
                where=name,
                next_step=f"torrust-tracker-deployer release {name}",
                exit_code=ExitCode.CONFLICT,
            )
        up = self.module(
            "community.docker.docker_compose_v2",
            {
                "project_src": f"{plan.deploy_directory}/releases/{release.digest}",
                "project_name": plan.project,
                "state": "present",
                "pull": "policy",
                "remove_orphans": True,
                "wait": True,
                "wait_timeout": arguments["wait_timeout"],
            },
            variables,
        )
        if up.get("unreachable"):
            raise _lost(name, up)
        failed = bool(up.get("failed"))
        stack = self._look(name, plan, None if failed else release.digest, variables)
        if failed or stack["failing"] or not stack["containers"]:
            if not self.check_mode:
                self.store.update(name, lambda found: replace(found, running=None))
            raise _not_serving(name, up, stack)
        if not self.check_mode:
            self.store.update(name, lambda found: _with_running(found, release))
        actions = [f"{action['status'].lower()} {action['what']} {action['id']}" for action in up.get("actions", [])]
        return {
            "changed": bool(up.get("changed") or stack.get("changed")),
            "done": actions,
            "document": {
                "environment": name,
                "release": release.digest,
                "containers": [
                    {key: one[key] for key in ("service", "state", "health", "restarts")} for one in stack["containers"]
                ],
            },
        }

    def _look(self, name: str, plan: Plan, current: str | None, variables: Mapping[str, Any]) -> dict[str, Any]:
        result = self.module(
            "torrust.deployer.stack_info",
            {"deploy_directory": plan.deploy_directory, "project": plan.project, "current": current},
            variables,
        )
        if result.get("unreachable"):
            raise _lost(name, result)
        if result.get("failed"):
            raise DeployerError(
                "stack-unknown",
                "The containers on the host cannot be looked at.",
                where=name,
                cause=str(result.get("msg", "")),
                next_step=f"torrust-tracker-deployer configure {name}, then run again",
                exit_code=ExitCode.HOST,
            )
        return result


def _lost(name: str, result: Mapping[str, Any]) -> DeployerError:
    return DeployerError(
        "host-unreachable",
        "The host was lost.",
        where=name,
        cause=str(result.get("msg", "")),
        next_step=f"see why with: torrust-tracker-deployer show {name}; then: torrust-tracker-deployer run {name}",
        exit_code=ExitCode.UNREACHABLE,
    )


def _not_serving(name: str, up: Mapping[str, Any], stack: Mapping[str, Any]) -> DeployerError:
    failing = stack["failing"]
    lines = [line for one in failing for line in (f"{one['message']}; its last words:", *one["log"])]
    if not lines:
        lines = str(up.get("stderr") or up.get("msg") or "docker compose said nothing").splitlines()[-10:]
    services = " and ".join(one["service"] for one in failing) or "The stack"
    return DeployerError(
        "not-serving",
        f"{services} did not come up.",
        where=name,
        cause="\n".join(lines),
        next_step=f"mend the cause, then: torrust-tracker-deployer run {name}",
        exit_code=ExitCode.HOST,
        details={"services": [one["service"] for one in failing]},
    )


def _with_running(record: Record, release: Release) -> Record:
    known = record.running
    if known is not None and known.digest == release.digest:
        return record
    return replace(record, running=replace(release, at=now()))
