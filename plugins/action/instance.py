# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the record says of an environment's machine (documented in plugins/modules/instance.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ansible_collections.torrust.deployer.plugins.plugin_utils import _ssh, _tofu
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._address import family_of
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import (
    Environment,
    ExistingProvider,
    from_document,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import (
    Infrastructure,
    Record,
    destroyed,
    now,
    with_infrastructure,
)


class ActionModule(DeployerAction):
    """Works on the record and the pinned host keys; connects nowhere."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_name": {"type": "str", "required": True},
        "state": {"type": "str", "required": True, "choices": ["wanted", "present", "absent"]},
        "method": {"type": "str", "choices": ["provisioned", "registered"]},
        "address": {"type": "str"},
        "port": {"type": "int"},
        "ipv4": {"type": "str"},
        "ipv6": {"type": "str"},
        "needed": {"type": "bool", "default": False},
        "host_keys": {"type": "list", "elements": "str", "default": []},
    }
    RULES: ClassVar[Mapping[str, Any]] = {"required_if": [("state", "present", ["method", "address", "host_keys"])]}

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        record = self.store.load(arguments["env_name"])
        environment = from_document(record.environment)
        if arguments["state"] == "wanted":
            return self._wanted(record, environment, arguments)
        if arguments["state"] == "absent":
            return self._absent(record)
        return self._present(record, environment, arguments)

    def _wanted(self, record: Record, environment: Environment, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """How the machine comes about, and where it is if that is known beforehand."""
        known = record.infrastructure
        asked = (arguments["address"] or "").strip("[]") or None
        made = self._resources(record.name)
        if asked and made:
            raise DeployerError(
                "already-provisioned",
                f"The environment has a machine of its own ({', '.join(made)}), so no other can be registered for it.",
                where=record.name,
                next_step=f"give that one up first: torrust-tracker-deployer destroy {record.name}",
                exit_code=ExitCode.CONFLICT,
            )
        existing = isinstance(environment.provider, ExistingProvider)
        by_hand = bool(asked) or existing or (known is not None and known.method == "registered")
        address = asked or (known.address if known and known.method == "registered" else None)
        if address is None and isinstance(environment.provider, ExistingProvider):
            address = environment.provider.address
        if by_hand and address is None and arguments["needed"]:
            raise DeployerError(
                "no-address",
                "The environment is for a machine that exists, but its address is not known.",
                where=record.name,
                next_step=f"torrust-tracker-deployer register {record.name} --instance-ip ADDRESS",
                exit_code=ExitCode.USAGE,
            )
        port = arguments["port"] or (known.ssh_port if known and known.address == address else environment.ssh.port)
        return {
            "method": "registered" if by_hand else "provisioned",
            "address": address,
            "port": port,
            "made": made,
            "interrupted": (self.store.directory(record.name, "tofu") / _tofu.APPLYING).exists(),
            "known": known is not None,
            "deployed": record.host is not None or record.release is not None or record.running is not None,
        }

    def _resources(self, name: str) -> list[str]:
        return _tofu.addresses_in_state(self.store.directory(name, "tofu"))

    def _present(self, record: Record, environment: Environment, arguments: Mapping[str, Any]) -> dict[str, Any]:
        address, keys = arguments["address"].strip("[]"), tuple(arguments["host_keys"])
        known = record.infrastructure
        if known is not None and arguments["method"] == "registered":
            self._refuse_another(record, known, address, keys)
        family = family_of(address)
        fresh = Infrastructure(
            method=arguments["method"],
            provider=environment.provider.provider if arguments["method"] == "provisioned" else "existing",
            instance_name=environment.instance_name,
            ipv4=address if family == "ipv4" else arguments["ipv4"] or None,
            ipv6=address if family == "ipv6" else arguments["ipv6"] or None,
            address=address,
            ssh_port=arguments["port"] or environment.ssh.port,
            ssh_user=environment.ssh.username,
            host_keys=keys,
            at=now(),
        )
        changed = known is None or replace(fresh, at=known.at) != known
        if self.check_mode:
            return {"changed": changed}
        target = _ssh.Target(address, fresh.ssh_port, fresh.ssh_user, "", self.store.file(record.name, "known_hosts"))
        if _ssh.pinned_host_keys(target) != tuple(sorted(keys)):
            self.store.write_file(record.name, "known_hosts", _ssh.known_hosts_content(target, keys))
        # What was believed while the new address was looked at is recorded by now.
        (self.store.directory(record.name, "tofu") / _ssh.CANDIDATE).unlink(missing_ok=True)
        if changed:
            self.store.update(record.name, lambda present: with_infrastructure(present, fresh))
        return {
            "changed": changed,
            "document": {
                "environment_name": record.name,
                "instance_name": fresh.instance_name,
                "instance_ip": fresh.address,
                "ipv4": fresh.ipv4,
                "ipv6": fresh.ipv6,
                "ssh_username": fresh.ssh_user,
                "ssh_port": fresh.ssh_port,
                "ssh_private_key_path": environment.ssh.private_key_path,
                "provider": fresh.provider,
                "registered": fresh.method == "registered",
                "host_keys": [_ssh.fingerprint(key) for key in keys],
                "changed": changed,
            },
        }

    def _refuse_another(self, record: Record, known: Infrastructure, address: str, keys: tuple[str, ...]) -> None:
        """The machine may move to another address; another machine may not take the place of one in use."""
        deployed = record.host is not None or record.release is not None or record.running is not None
        if (known.address == address or not deployed) or _ssh.same_machine(known.host_keys, keys):
            return
        raise DeployerError(
            "another-machine-deployed",
            f"The environment is on the machine {known.address}; {address} is another one.",
            where=record.name,
            next_step=(
                f"take it off the old machine first: torrust-tracker-deployer destroy {record.name}; "
                "or create another environment for the new one"
            ),
            exit_code=ExitCode.CONFLICT,
        )

    def _absent(self, record: Record) -> dict[str, Any]:
        changed = record.infrastructure is not None or record.host is not None or record.release is not None
        if self.check_mode:
            return {"changed": changed}
        if changed:
            self.store.update(record.name, lambda present: destroyed(present, now()))
        # The next machine has keys of its own.
        if self.store.file(record.name, "known_hosts").exists():
            self.store.write_file(record.name, "known_hosts", b"")
        return {"changed": changed}
