#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: list
short_description: List the environments of a workspace
version_added: 0.1.0
description:
  - Lists every environment with its state, provider and address, and those whose record cannot be read.
  - Only reads records; nothing is connected to.
author: Torrust deployer contributors (@torrust)
options:
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
- name: List the environments
  torrust.deployer.list:
    workspace: /srv/torrust
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
