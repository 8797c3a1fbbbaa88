#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: open
short_description: Open an environment for a verb
version_added: 0.1.0
description:
  - The first task of every verb. Finds the environment, opens the operation (unless it only reads), refuses misspelt
    extra variables, and says how to reach the instance.
  - Runs on the controller and never connects to the instance.
author: Torrust deployer contributors (@torrust)
options:
  verb:
    description: The verb that begins.
    type: str
    required: true
  env_name:
    description: Name of the environment.
    type: str
  env_file:
    description: Env file that names the environment; used where O(env_name) is not given.
    type: str
  needs:
    description:
      - What the environment must have already; without it the verb is refused with the verb to run first.
    type: str
    choices: [instance, configured, released]
  exclusive:
    description: Whether the verb changes something, so that it needs the environment for itself.
    type: bool
    default: true
  take_over:
    description: Take the environment over from a holder that cannot be asked whether it still lives.
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
- name: Open the environment
  torrust.deployer.open:
    verb: configure
    env_name: my-tracker
    needs: instance
  register: torrust
"""

RETURN = r"""
env_name:
  description: Name of the environment.
  returned: success
  type: str
workspace:
  description: Absolute path of the workspace.
  returned: success
  type: str
plan:
  description: The Plan, every derived fact of the environment; without secrets.
  returned: success
  type: dict
managed:
  description: Whether the instance is made and destroyed by the collection.
  returned: success
  type: bool
nested:
  description: Whether this verb runs as a part of another one.
  returned: success
  type: bool
interrupted:
  description: The verb whose unfinished operation was found, if any.
  returned: success
  type: str
instance:
  description: How to reach the instance (address, port, user, private_key, ssh_arguments); none while there is none.
  returned: success
  type: dict
"""
