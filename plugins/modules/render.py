#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: render
short_description: Write the artifacts of an environment to a directory
version_added: 0.1.0
description:
  - Writes every file that a deployment would use to a directory of the controller, without deploying anything.
  - Keeps nothing of it in the record.
author: Torrust deployer contributors (@torrust)
options:
  env_file:
    description: Env file to render; secrets that O(env_name) would have generated are a placeholder.
    type: str
  env_name:
    description: Name of an environment to render as it is kept, with its secrets.
    type: str
  instance_ip:
    description: IPv4 or IPv6 address of the instance.
    type: str
    required: true
  output_dir:
    description: Directory to make.
    type: str
    required: true
  force:
    description: Whether the directory may exist; what an earlier render wrote there is replaced.
    type: bool
    default: false
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
    support: none
  diff_mode:
    description: Returns details on what has changed (or would change in C(check_mode)) when in diff mode.
    support: none
"""

EXAMPLES = r"""
- name: Render the artifacts
  torrust.deployer.render:
    env_file: my-tracker.yml
    instance_ip: 203.0.113.7
    output_dir: /tmp/my-tracker
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
