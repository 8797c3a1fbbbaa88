#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: purge
short_description: Remove an environment from the store
version_added: 0.1.0
description:
  - Refuses while a machine exists, since only the record can find it again.
  - Runs on the controller.
author: Torrust deployer contributors (@torrust)
options:
  env_name:
    description: Name of the environment.
    type: str
    required: true
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
- name: Remove the environment
  torrust.deployer.purge:
    env_name: my-tracker
"""

RETURN = r"""
document:
  description: The environment's name and that it was purged.
  returned: success
  type: dict
"""
