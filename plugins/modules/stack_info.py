#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_info
short_description: Look at the containers of the stack
version_added: 0.1.0
description:
  - Says of each container of the stack whether it serves, and shows the last log lines of those that do not.
  - With O(current), makes the C(current) link point to that release.
author: Torrust deployer contributors (@torrust)
options:
  deploy_directory:
    description: Directory of the stack.
    type: path
    default: /opt/torrust
  project:
    description: Name of the compose project.
    type: str
    default: torrust
  current:
    description: Digest of the release that runs now.
    type: str
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed (or would change in C(check_mode)) when in diff mode.
    support: none
"""

EXAMPLES = r"""
- name: Look at the stack
  torrust.deployer.stack_info:
  register: stack
"""

RETURN = r"""
containers:
  description: The containers, sorted by service.
  returned: success
  type: list
  elements: dict
failing:
  description: The containers that do not serve, each with a sentence and its last log lines.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.torrust.deployer.plugins.module_utils import _docker
from ansible_collections.torrust.deployer.plugins.module_utils._release import Releases


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "deploy_directory": {"type": "path", "default": "/opt/torrust"},
            "project": {"type": "str", "default": "torrust"},
            "current": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        found = _docker.containers(module.run_command, module.params["project"])
    except _docker.DockerError as error:
        module.fail_json(msg=str(error), code="docker")
    failing = [
        {
            "service": one.service,
            "message": one.describe(),
            "log": _docker.last_log_lines(module.run_command, one.id),
        }
        for one in found
        if not one.is_serving
    ]
    changed = False
    if module.params["current"] and not module.check_mode:
        changed = Releases(module.params["deploy_directory"], "").switch(module.params["current"])
    module.exit_json(changed=changed, containers=[one._asdict() for one in found], failing=failing)


if __name__ == "__main__":
    main()
