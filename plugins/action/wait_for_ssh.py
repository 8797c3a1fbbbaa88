# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits until an environment's machine lets us in (documented in plugins/modules/wait_for_ssh.py)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.torrust.deployer.plugins.plugin_utils import _ssh
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._durable import write_file
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import from_document
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._reach import Waiter, problems
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Record
from ansible_collections.torrust.deployer.plugins.plugin_utils._ssh import Target


class ActionModule(DeployerAction):
    """Runs on the controller, with the system's ssh; Ansible's own connection comes after it."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_name": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        "port": {"type": "int"},
        "timeout": {"type": "int", "default": 300},
        "grace": {"type": "int", "default": 30},
        "accept_host_key": {"type": "str"},
        "verb": {"type": "str", "default": "provision"},
    }

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        name = arguments["env_name"]
        record = self.store.load(name)
        ssh = from_document(record.environment).ssh
        target = Target(
            arguments["address"].strip("[]"),
            arguments["port"] or ssh.port,
            ssh.username,
            ssh.private_key_path,
            self.store.file(name, "known_hosts"),
        )
        verb, asked = arguments["verb"], arguments["verb"] == "register"
        port = "" if target.port == ssh.port else f" --ssh-port {target.port}"
        again = f"torrust-tracker-deployer {verb} {name}" + (f" --instance-ip {target.host}{port}" if asked else "")
        extra = f" -e instance_ip={target.host}" if asked else ""
        pinned = _pinned(target, record)
        candidate = not pinned and self._other_machine_is_pinned(record)
        if candidate or self.check_mode:
            place = self.store.directory(name, "tofu") / _ssh.CANDIDATE
            target = Target(target.host, target.port, target.user, target.key_path, place)
        waiter = Waiter(
            target=target,
            timeout=arguments["timeout"],
            # A machine that let us in before has its users.
            grace=arguments["grace"] if record.infrastructure is None else 0,
            pinned=pinned,
            pin=lambda keys: self._pin(name, target, keys),
            accept=arguments["accept_host_key"],
            again=again,
            playbook=f"ansible-playbook torrust.deployer.{verb} -e env_name={name}{extra}",
        )
        try:
            machine = waiter.wait()
        except DeployerError as error:
            if verb == "destroy" and error.exit_code == ExitCode.UNREACHABLE:
                error.next_step += (
                    f"; or, if it is gone for good, forget it: ansible-playbook torrust.deployer.destroy "
                    f"-e env_name={name} -e confirm={name} -e forget=true"
                )
            raise
        lacking = problems(machine, target)
        if lacking:
            raise DeployerError(
                "host-not-ready",
                f"The machine cannot be worked on yet: {len(lacking)} problem{'s' if len(lacking) > 1 else ''}.",
                where=target.text(),
                cause="\n".join(lacking),
                next_step=f"mend them on the machine, then: {again}",
                exit_code=ExitCode.HOST,
                details={"problems": lacking},
            )
        return {
            "warnings": list(machine.warnings),
            "host_keys": list(machine.host_keys),
            "ipv4": machine.ipv4,
            "ipv6": machine.ipv6,
            "instance": {
                "address": target.host,
                "port": target.port,
                "user": target.user,
                "private_key": target.key_path,
                "ssh_arguments": _ssh_arguments(target.known_hosts),
            },
        }

    def _other_machine_is_pinned(self, record: Record) -> bool:
        """Then its pins stay until the new address is accepted (the action ``instance`` writes them)."""
        return record.infrastructure is not None

    def _pin(self, name: str, target: Target, keys: tuple[str, ...]) -> None:
        content = _ssh.known_hosts_content(target, keys)
        if target.known_hosts.exists() and target.known_hosts.read_bytes() == content:
            return
        if target.known_hosts.name == _ssh.CANDIDATE:
            write_file(target.known_hosts, content)
        else:
            self.store.write_file(name, "known_hosts", content)


def _pinned(target: Target, record: Record) -> tuple[str, ...]:
    """From ``known_hosts``, else from the record: who removes the file does not remove the trust."""
    known = _ssh.pinned_host_keys(target)
    machine = record.infrastructure
    if known or machine is None or (machine.address, machine.ssh_port) != (target.host, target.port):
        return known
    return machine.host_keys


def _ssh_arguments(known_hosts: Path) -> str:
    options = {
        "UserKnownHostsFile": _ssh.option_path(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
    }
    return shlex.join([part for key, value in options.items() for part in ("-o", f"{key}={value}")])
