#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Check an env file
version_added: 0.1.0
description:
  - Checks an env file completely and reports every problem with its place and a fix.
  - Nothing is written and nothing is connected to.
author: Torrust deployer contributors (@torrust)
options:
  env_file:
    description: Env file, JSON or YAML; a relative path starts at the directory of the caller.
    type: str
    required: true
  strict:
    description: Whether warnings refuse the file too.
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
- name: Check the env file
  torrust.deployer.validate:
    env_file: my-tracker.yml
"""

RETURN = r"""
document:
  description: The result of the verb, as the command prints it with C(--json).
  type: dict
  returned: success
text:
  description: The result for people.
  type: str
  returned: success
env_name:
  description: Name of the environment, where there is one.
  type: str
  returned: success
error:
  description: What failed, where, why, and what to do next, with a stable C(code).
  type: dict
  returned: failure
"""
