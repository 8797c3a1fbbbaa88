#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_up
short_description: Bring the stack up and wait until it serves
version_added: 0.1.0
description:
  - Runs C(docker compose up --wait) for the release in the record, through M(community.docker.docker_compose_v2).
  - Where a container does not come to serve, fails with its state and its last log lines.
author: Torrust deployer contributors (@torrust)
options:
  env_name:
    description: Name of the environment.
    type: str
    required: true
  wait_timeout:
    description: Seconds to wait for all containers to serve.
    type: int
    default: 120
  workspace:
    description: Directory that holds the environments.
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
- name: Bring the stack up
  torrust.deployer.stack_up:
    env_name: my-tracker
"""

RETURN = r"""
done:
  description: What docker compose did.
  returned: success
  type: list
  elements: str
document:
  description: The result as the command prints it.
  returned: success
  type: dict
"""
