#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tofu_project
short_description: Prepare the directory in which OpenTofu works
version_added: 0.1.0
description:
  - Writes the provider's configuration and its variables into the private directory of the environment, and runs
    C(init) where it has not succeeded with these before.
  - A run that was killed while it applied a plan leaves a note; what it made is then imported into the state.
  - In C(check_mode) it works in a private copy.
  - Runs on the controller.
author: Torrust deployer contributors (@torrust)
options:
  env_name:
    description: Name of the environment.
    type: str
    required: true
  state:
    description:
      - V(present) prepares the directory. V(applying) and V(applied) frame the applying of a plan.
        V(absent) removes the plan (and the copy, in C(check_mode)).
    type: str
    choices: [present, applying, applied, absent]
    default: present
  directory:
    description: The directory that V(state=present) returned; required for every other state.
    type: path
  as_applied:
    description: Whether to take the configuration as it was written the last time, as a destruction does.
    type: bool
    default: false
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
- name: Prepare OpenTofu's directory
  torrust.deployer.tofu_project:
    env_name: my-tracker
  register: project
"""

RETURN = r"""
directory:
  description: The directory to work in.
  returned: when O(state=present)
  type: str
program:
  description: Absolute path of C(tofu), or of C(terraform) where there is no OpenTofu.
  returned: when O(state=present)
  type: str
version:
  description: Its version.
  returned: when O(state=present)
  type: str
plan_file:
  description: Name of the plan file, readable by its owner only.
  returned: when O(state=present)
  type: str
adopted:
  description: Addresses of what a killed run made and the state did not know.
  returned: when O(state=present)
  type: list
  elements: str
interrupted:
  description: Whether a run was killed while it applied a plan.
  returned: when O(state=present)
  type: bool
resources:
  description: Addresses of the resources in the state.
  returned: when O(state=present)
  type: list
  elements: str
"""
