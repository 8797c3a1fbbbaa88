#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: verdict
short_description: Judge the rows of all probes
version_added: 0.1.0
description:
  - Files the verdict in the record, and fails if a probe failed or nothing could be probed.
author: Torrust deployer contributors (@torrust)
options:
  env_name:
    description: Name of the environment.
    type: str
    required: true
  rows:
    description: Rows of M(torrust.deployer.probe_clients) and M(torrust.deployer.probe_host).
    type: list
    elements: dict
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
- name: Judge
  torrust.deployer.verdict:
    env_name: my-tracker
    rows: "{{ clients.rows }}"
"""

RETURN = r"""
rows:
  description: The rows, sorted by what they are about.
  returned: success
  type: list
  elements: dict
document:
  description: The result as the command prints it.
  returned: success
  type: dict
"""
