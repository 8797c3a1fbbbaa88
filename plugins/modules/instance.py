#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance
short_description: File an environment's machine, or learn how it comes about
version_added: 0.1.0
description:
  - Works on the record and the pinned host keys; connects nowhere.
  - Runs on the controller.
author: Torrust deployer contributors (@torrust)
options:
  env_name:
    description: Name of the environment.
    type: str
    required: true
  state:
    description:
      - V(wanted) tells how the machine comes about and where it is. V(present) files it. V(absent) gives up what is
        known of it.
    type: str
    required: true
    choices: [wanted, present, absent]
  method:
    description: Whether the machine was made by us.
    type: str
    choices: [provisioned, registered]
  address:
    description: IPv4 address, IPv6 address or name of the machine.
    type: str
  port:
    description: Port of its SSH server; that of the env file where it is not given.
    type: int
  ipv4:
    description: Its IPv4 address.
    type: str
  ipv6:
    description: Its IPv6 address.
    type: str
  needed:
    description: Whether to fail where a machine that exists is wanted and its address is not known.
    type: bool
    default: false
  host_keys:
    description: Its host keys, each as type and base64.
    type: list
    elements: str
    default: []
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
- name: Record the machine
  torrust.deployer.instance:
    env_name: my-tracker
    state: present
    method: registered
    address: 192.0.2.10
    host_keys: "{{ machine.host_keys }}"
"""

RETURN = r"""
method:
  description: V(provisioned) or V(registered).
  returned: when O(state=wanted)
  type: str
address:
  description: Where the machine is, if that is known beforehand.
  returned: when O(state=wanted)
  type: str
port:
  description: Port of its SSH server.
  returned: when O(state=wanted)
  type: int
made:
  description: Addresses of the resources that OpenTofu made.
  returned: when O(state=wanted)
  type: list
  elements: str
interrupted:
  description: Whether a run was killed while it applied a plan.
  returned: when O(state=wanted)
  type: bool
known:
  description: Whether the record knows a machine.
  returned: when O(state=wanted)
  type: bool
deployed:
  description: Whether something of ours is on it.
  returned: when O(state=wanted)
  type: bool
document:
  description: The machine, as the command prints it with C(--json).
  returned: when O(state=present)
  type: dict
"""
