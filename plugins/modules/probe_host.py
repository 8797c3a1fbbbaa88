#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: probe_host
short_description: Probe what only the host itself can reach
version_added: 0.1.0
description:
  - Announces to listeners that are bound to a loopback address, asks an API that is, and looks at the containers.
  - Used by the C(test) verb; its rows are judged by M(torrust.deployer.verdict).
author: Torrust deployer contributors (@torrust)
options:
  request:
    description: What to probe, as M(torrust.deployer.probe_clients) returns it.
    type: dict
    required: true
  project:
    description: Name of the compose project.
    type: str
    default: torrust
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed (or would change in C(check_mode)) when in diff mode.
    support: none
"""

EXAMPLES = r"""
- name: Probe from the host
  torrust.deployer.probe_host:
    request: "{{ clients.on_host }}"
"""

RETURN = r"""
rows:
  description: One row for each probe.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.torrust.deployer.plugins.module_utils import _docker
from ansible_collections.torrust.deployer.plugins.module_utils._probe import run_probes


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "request": {"type": "dict", "required": True},
            "project": {"type": "str", "default": "torrust"},
        },
        supports_check_mode=True,
    )
    rows = [verdict.as_dict() for verdict in run_probes(module.params["request"])]
    try:
        found = _docker.containers(module.run_command, module.params["project"])
    except _docker.DockerError as error:
        module.exit_json(changed=False, rows=[*rows, _row("docker", str(error), "torrust-tracker-deployer configure")])
    if not found:
        rows.append(_row("stack", "no container of the stack exists", "torrust-tracker-deployer run"))
    rows += [
        _row(
            f"container {one.service}",
            "" if one.is_serving else one.describe(),
            f"docker compose -p {module.params['project']} logs --tail 50 {one.service}",
        )
        for one in found
    ]
    module.exit_json(changed=False, rows=rows)


def _row(target: str, fault: str, next_step: str) -> dict[str, object]:
    return {
        "probe": "serving",
        "target": target,
        "status": "failed" if fault else "passed",
        "hop": "container" if fault else "",
        "message": fault or "serves",
        "next_step": next_step if fault else "",
        "seconds": 0.0,
    }


if __name__ == "__main__":
    main()
