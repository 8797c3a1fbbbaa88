#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: configured
short_description: File that the host is configured
version_added: 0.1.0
description:
  - Files in the record that the host is as the Plan wants it, with facts observed while making it so.
author: Torrust deployer contributors (@torrust)
options:
  env_name:
    description: Name of the environment.
    type: str
    required: true
  facts:
    description: Facts about the host, such as versions and settings that it does not allow.
    type: dict
    default: {}
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
- name: File that the host is configured
  torrust.deployer.configured:
    env_name: my-tracker
"""

RETURN = r"""
document:
  description: The result as the command prints it.
  returned: success
  type: dict
"""
