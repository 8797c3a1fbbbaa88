#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_info
short_description: Look at a host that is to carry an environment
version_added: 0.1.0
author:
  - Torrust deployer contributors (@torrust)
description:
  - Reads, in one go, everything the role P(torrust.deployer.host#role) wants to know of a host, and compares
    it with the Plan of the environment.
  - Changes nothing.
options:
  plan:
    description: The Plan of the environment.
    type: dict
    required: true
  refuse:
    description: Whether a problem of severity C(error) makes the task fail.
    type: bool
    default: false
  ports:
    description: Whether a port of the Plan that something else has taken is a problem.
    type: bool
    default: true
attributes:
  check_mode:
    description: Reads only, so check mode makes no difference.
    support: full
  diff_mode:
    description: Reads only.
    support: none
"""

EXAMPLES = r"""
- name: Look at the host
  torrust.deployer.host_info:
    plan: "{{ torrust_plan }}"
  register: observed
"""

RETURN = r"""
facts:
  description: >-
    What the host is: C(distribution), C(release), C(codename), C(architecture), C(python), C(ipv6),
    C(docker), C(disk), C(ssh_port), C(not_settable), C(apt_lock).
  returned: always
  type: dict
parts:
  description: >-
    What configure sees to (C(name)), whether it is as the Plan wants it (C(as_wanted)), and a line on it
    (C(detail)).
  returned: always
  type: list
  elements: dict
needs:
  description: Which steps of the role have something to do.
  returned: always
  type: dict
problems:
  description: What stands in the way, each with C(code), C(message), C(fix) and C(severity).
  returned: always
  type: list
  elements: dict
error:
  description: The first problem as an error, with C(code), C(message), C(cause), C(next_step).
  returned: when problems make the task fail
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.torrust.deployer.plugins.module_utils._host_facts import Observer, Problem
from ansible_collections.torrust.deployer.plugins.module_utils._host_system import HostError


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(
        argument_spec={
            "plan": {"type": "dict", "required": True},
            "refuse": {"type": "bool", "default": False},
            "ports": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )

    def run(command: list[str]) -> tuple[int, str, str]:
        path = module.get_bin_path(command[0], opt_dirs=["/usr/sbin", "/sbin"])
        if path is None:
            return 127, "", f"{command[0]}: not found"
        code, out, err = module.run_command([path, *command[1:]], environ_update={"LC_ALL": "C"})
        return code, out, err

    observation = Observer(run, module.params["plan"]).observe()
    if not module.params["ports"]:
        kept = [problem for problem in observation.problems if problem.code != "port-taken"]
        observation = observation._replace(problems=kept)
    errors = [problem for problem in observation.problems if problem.severity == "error"]
    if errors and module.params["refuse"]:
        module.fail_json(**_refusal(errors).result(), **observation.document())
    module.exit_json(changed=False, **observation.document())


def _refusal(errors: list[Problem]) -> HostError:
    first = errors[0]
    if len(errors) == 1:
        return HostError(first.code, first.message, first.fix)
    return HostError(
        "host-not-ready",
        f"The host is not ready: {len(errors)} problems.",
        "mend them on the host, then run this again",
        "\n".join(f"{problem.message} [{problem.code}]\n  fix: {problem.fix}" for problem in errors),
    )


if __name__ == "__main__":
    main()
