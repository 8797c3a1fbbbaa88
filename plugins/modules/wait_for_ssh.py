#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wait_for_ssh
short_description: Wait until a machine lets us in
version_added: 0.1.0
description:
  - Waits for the port, the SSH banner, the pinned host key, a login with the key of the environment, and the end of
    cloud-init where the machine has it. Each failure is told apart, with what to do about it.
  - The host key is pinned at the first contact. A changed one is refused unless its fingerprint is named.
  - Refuses a machine without sudo without a password, or without Python 3.9.
  - Uses the system's C(ssh) and C(ssh-keyscan), and no connection of Ansible.
  - Runs on the controller.
author: Torrust deployer contributors (@torrust)
options:
  env_name:
    description: Name of the environment.
    type: str
    required: true
  address:
    description: IPv4 address, IPv6 address or name of the machine.
    type: str
    required: true
  port:
    description: Port of its SSH server; that of the env file where it is not given.
    type: int
  timeout:
    description: Seconds to wait.
    type: int
    default: 300
  grace:
    description:
      - Seconds during which a rejected key may still become good, on a machine that was not recorded yet.
    type: int
    default: 30
  accept_host_key:
    description: Fingerprint (SHA256:...) of a host key that may replace the pinned one.
    type: str
  verb:
    description: The verb at work, for the commands in messages.
    type: str
    default: provision
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
- name: Wait until the machine lets us in
  torrust.deployer.wait_for_ssh:
    env_name: my-tracker
    address: 192.0.2.10
  register: machine
"""

RETURN = r"""
host_keys:
  description: The host keys believed, each as type and base64.
  returned: success
  type: list
  elements: str
ipv4:
  description: IPv4 address of the interface with the default route, as the machine sees it.
  returned: success
  type: str
ipv6:
  description: The same for IPv6, if there is one.
  returned: success
  type: str
instance:
  description: How to reach the machine (address, port, user, private_key, ssh_arguments).
  returned: success
  type: dict
"""
