#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put kernel modules and settings in place."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_kernel
short_description: Keep kernel modules and settings, on hosts that let one
version_added: 0.1.0
author:
  - Torrust deployer contributors (@torrust)
description:
  - Writes C(/etc/modules-load.d/torrust.conf) and C(/etc/sysctl.d/60-torrust.conf), loads the modules and
    applies the settings.
  - Also has the kernel go on listening for IPv6 routers (C(accept_ra)) on the interfaces of the default routes,
    where it does so now. Docker makes the host forward IPv6, which would end that.
  - A setting that the kernel does not let this machine change, as in a container guest, is reported and
    neither failed nor counted as changed.
options:
  state:
    description: Whether the files are there. With C(absent) values in use stay until the next boot.
    type: str
    choices: [present, absent]
    default: present
  modules:
    description: Names of kernel modules.
    type: list
    elements: str
    default: []
  settings:
    description: Settings, each with C(key), C(value) and C(why).
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Shows no differences.
    support: none
"""

EXAMPLES = r"""
- name: Keep connection tracking from filling up
  torrust.deployer.host_kernel:
    modules: [nf_conntrack]
    settings:
      - key: net.netfilter.nf_conntrack_udp_timeout
        value: "10"
        why: an announce is over in a second
"""

RETURN = r"""
not_settable:
  description: Settings that this machine cannot change, with the reason (C(name), C(why)).
  returned: always
  type: list
  elements: dict
"""

from collections.abc import Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.torrust.deployer.plugins.module_utils import _host_kernel
from ansible_collections.torrust.deployer.plugins.module_utils._host_system import (
    HostError,
    last_lines,
    read_text,
    remove,
    write_text,
)


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "modules": {"type": "list", "elements": "str", "default": []},
            "settings": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    modules, settings = module.params["modules"], _host_kernel.with_routers(module.params["settings"])
    wanted = _host_kernel.files(modules, settings)
    if module.params["state"] == "absent":
        there = [path for path in wanted if read_text(path) is not None]
        if not module.check_mode:
            for path in there:
                remove(path)
        module.exit_json(changed=bool(there), not_settable=[])
    try:
        changed = _write(module, wanted)
        changed = _load(module, modules) or changed
        changed = _apply(module, settings) or changed
    except HostError as error:
        module.fail_json(**error.result())
    refused = [state for state in _host_kernel.states(modules, settings) if state.state == "not settable here"]
    module.exit_json(changed=changed, not_settable=[{"name": state.name, "why": state.why} for state in refused])


def _write(module: AnsibleModule, wanted: dict[str, str | None]) -> bool:
    stale = {path: text for path, text in wanted.items() if read_text(path) != text}
    if not module.check_mode:
        for path, text in stale.items():
            if text is None:
                remove(path)
            else:
                write_text(path, text)
    return bool(stale)


def _load(module: AnsibleModule, modules: list[str]) -> bool:
    changed = False
    for name in modules:
        if _host_kernel.module_state(name).state != "differs":
            continue
        changed = True
        if module.check_mode:
            continue
        code, _out, err = module.run_command(["modprobe", name])
        if code != 0:
            raise HostError(
                "kernel-module",
                f"The kernel module {name} could not be loaded.",
                f"install a kernel that has it (on the host: modprobe {name}), or set host.kernel_tuning to false",
                last_lines(err),
            )
    return changed


def _apply(module: AnsibleModule, settings: list[Mapping[str, str]]) -> bool:
    changed = False
    for setting in settings:
        if _host_kernel.setting_state(setting["key"], setting["value"]).state != "differs":
            continue
        changed = True
        if module.check_mode:
            continue
        try:
            with open(_host_kernel.path_of(setting["key"]), "w", encoding="ascii") as file:
                file.write(setting["value"])
        except OSError as error:
            raise HostError(
                "kernel-setting",
                f"The kernel refused {setting['key']} = {setting['value']}.",
                f"on the host: sysctl -w {setting['key']}={setting['value']}; or set host.kernel_tuning to false",
                str(error),
            ) from error
    return changed


if __name__ == "__main__":
    main()
