#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guard the ports that Docker publishes."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_firewall
short_description: Let in only the published ports of the Plan
version_added: 0.1.0
author:
  - Torrust deployer contributors (@torrust)
description:
  - Keeps the chain C(TORRUST) behind C(DOCKER-USER), for IPv4 and IPv6, with its files in
    C(/etc/torrust-firewall) and the unit C(torrust-firewall.service).
  - Touches no rule of others, and replaces its own in one step per address family.
options:
  state:
    description: Whether the rules, files and unit are there.
    type: str
    choices: [present, absent]
    default: present
  rules:
    description: The firewall rules of the Plan. Only those of the chain C(forward) count here.
    type: list
    elements: dict
    default: []
  bridge:
    description: The bridge interface of the stack's network.
    type: str
    required: true
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Shows no differences.
    support: none
"""

EXAMPLES = r"""
- name: Guard the published ports
  torrust.deployer.host_firewall:
    rules: "{{ torrust_plan.host.firewall_rules }}"
    bridge: "{{ torrust_plan.network.bridge }}"
"""

RETURN = r"""
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.torrust.deployer.plugins.module_utils import _host_firewall
from ansible_collections.torrust.deployer.plugins.module_utils._host_system import (
    HostError,
    last_lines,
    read_text,
    remove,
    units,
    write_text,
)


class Firewall:
    """Our chain on this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._rules = module.params["rules"]
        self._bridge = module.params["bridge"]
        self._files = _host_firewall.files(self._rules, self._bridge)
        self._families = [f for f in _host_firewall.FAMILIES if f == "ipv4" or os.path.exists("/proc/net/if_inet6")]

    def present(self) -> bool:
        """Write, apply, and keep over a reboot what is not so already. True if something was not."""
        stale = {path: content for path, content in self._files.items() if read_text(path) != content[0]}
        live = all(
            _host_firewall.is_live(self._saved(family), self._rules, family, self._bridge) for family in self._families
        )
        unit = self._unit()
        kept = unit.get("UnitFileState") == "enabled" and unit.get("ActiveState") == "active"
        if not stale and live and kept:
            return False
        if self._module.check_mode:
            return True
        for path, (text, mode) in stale.items():
            write_text(path, text, mode)
        self._must("firewall-apply", ["/bin/sh", _host_firewall.SCRIPT])
        if _host_firewall.UNIT_FILE in stale:
            self._must("firewall-unit", ["systemctl", "daemon-reload"])
        self._must("firewall-unit", ["systemctl", "enable", "--now", _host_firewall.UNIT])
        return True

    def absent(self) -> bool:
        """Take everything of ours away. True if something was there."""
        there = [path for path in self._files if os.path.exists(path)]
        saved = {family: self._saved(family) for family in self._families}
        if not there and all(_host_firewall.is_absent(text) for text in saved.values()):
            return False
        if self._module.check_mode:
            return True
        if _host_firewall.UNIT_FILE in there:
            self._must("firewall-unit", ["systemctl", "disable", "--now", _host_firewall.UNIT])
        for family, text in saved.items():
            if _host_firewall.is_absent(text):
                continue
            iptables = [_host_firewall.command(family), "--wait", "10"]
            for hook in _host_firewall.hooks(text):
                self._must("firewall-apply", [*iptables, "-D", *hook])
            self._must("firewall-apply", [*iptables, "-F", _host_firewall.CHAIN])
            self._must("firewall-apply", [*iptables, "-X", _host_firewall.CHAIN])
        for path in [*there, _host_firewall.DIRECTORY]:
            remove(path)
        self._must("firewall-unit", ["systemctl", "daemon-reload"])
        return True

    def _saved(self, family: str) -> str:
        code, out, _err = self._module.run_command([_host_firewall.save_command(family), "-t", "filter"])
        return str(out) if code == 0 else ""

    def _unit(self) -> dict[str, str]:
        return units(self._module.run_command, [_host_firewall.UNIT])[_host_firewall.UNIT]

    def _must(self, code: str, command: list[str]) -> None:
        status, out, err = self._module.run_command(command)
        if status != 0:
            raise HostError(
                code,
                "The firewall rules for published ports could not be put in place; those in force before still are.",
                f"on the host: {' '.join(command)}",
                last_lines(err or out),
            )


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "rules": {"type": "list", "elements": "dict", "default": []},
            "bridge": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    firewall = Firewall(module)
    try:
        changed = firewall.present() if module.params["state"] == "present" else firewall.absent()
    except HostError as error:
        module.fail_json(**error.result())
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
