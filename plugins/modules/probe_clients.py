#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: probe_clients
short_description: Probe the tracker as clients outside see it
version_added: 0.1.0
description:
  - Announces from the controller to every public listener at every address of the instance, as two BitTorrent clients
    that must be introduced to one another, and asks the API for its health.
  - Judges nothing; M(torrust.deployer.verdict) does.
author: Torrust deployer contributors (@torrust)
options:
  env_name:
    description: Name of the environment.
    type: str
    required: true
  timeout:
    description: Seconds that one request may take.
    type: float
    default: 3.0
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
- name: Probe as clients do
  torrust.deployer.probe_clients:
    env_name: my-tracker
  register: clients
"""

RETURN = r"""
rows:
  description: One row for each probe.
  returned: success
  type: list
  elements: dict
on_host:
  description: What is left to probe from the host itself, for M(torrust.deployer.probe_host).
  returned: success
  type: dict
"""
