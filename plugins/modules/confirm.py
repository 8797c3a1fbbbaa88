#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: confirm
short_description: Ask before something is destroyed
version_added: 0.1.0
description:
  - Says what will go, and goes on only with the environment's name as the answer, given beforehand, or typed on a
    terminal. Asks nothing where nothing would go.
  - Runs on the controller.
author: Torrust deployer contributors (@torrust)
options:
  env_name:
    description: Name of the environment.
    type: str
    required: true
  verb:
    description: The verb that destroys.
    type: str
    required: true
    choices: [destroy, purge]
  confirm:
    description: The name of the environment again.
    type: str
  data:
    description: "What becomes of the services' data on a registered machine."
    type: str
    choices: [keep, delete]
    default: keep
  forget:
    description: Whether a registered machine is only forgotten.
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
- name: Ask
  torrust.deployer.confirm:
    env_name: my-tracker
    verb: destroy
    confirm: my-tracker
"""

RETURN = r"""
goes:
  description: What will go, a sentence each; empty where nothing will.
  returned: success
  type: list
  elements: str
"""
