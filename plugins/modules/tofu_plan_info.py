#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tofu_plan_info
short_description: Say what a saved OpenTofu plan would do
version_added: 0.1.0
description:
  - Reads C(tofu show -json) of a saved plan. Only reads; no value of a variable or of a sensitive output is returned.
  - Can refuse a plan that would lose a machine or a volume.
  - Runs on the controller.
author: Torrust deployer contributors (@torrust)
options:
  project_path:
    description: Directory of the configuration.
    type: path
    required: true
  plan_file:
    description: The saved plan, relative to O(project_path).
    type: str
    required: true
  binary_path:
    description: The program, C(tofu) or C(terraform).
    type: path
    required: true
  refuse_losses:
    description: Whether to fail where something would be lost that is not named in O(replace).
    type: bool
    default: false
  replace:
    description: Addresses that may be replaced or deleted.
    type: list
    elements: str
    default: []
  again:
    description: The command that goes on, for messages.
    type: str
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
- name: Read what the plan would do
  torrust.deployer.tofu_plan_info:
    project_path: /srv/project
    plan_file: planned.tfplan
    binary_path: /usr/bin/tofu
    refuse_losses: true
"""

RETURN = r"""
actions:
  description: Addresses by action (create, update, replace, delete).
  returned: success
  type: dict
counts:
  description: How many of each.
  returned: success
  type: dict
losses:
  description: Addresses that would be lost and are not named.
  returned: success
  type: list
  elements: str
has_changes:
  description: Whether applying the plan changes a resource.
  returned: success
  type: bool
new_machine:
  description: Whether a machine would come into being or go.
  returned: success
  type: bool
outputs:
  description: The outputs that are known before the plan is applied, without sensitive ones.
  returned: success
  type: dict
"""
