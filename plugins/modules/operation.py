# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: operation
short_description: Open, mark and close an operation on an environment
version_added: 0.1.0
description:
  - An operation is one verb at work on one environment. It is kept in the environment's record on the controller,
    with the C(ansible-playbook) process that runs it and the phase it has come to.
  - Of two operations on one environment the second is refused, and told whose the first is. The operation of a process
    that has ended, however it ended, is taken over and filed as interrupted.
  - A verb that begins while the same process has an operation open becomes a part of it, as the steps of C(deploy) do.
  - In a rescue section, O(state=fail) turns the result of the failed task into one message that says what failed,
    where, why, and what to do next; files the operation as failed; and fails.
author:
  - Torrust deployer contributors (@torrust)
options:
  environment:
    description:
      - The name of the environment.
    type: str
    required: true
  verb:
    description:
      - The verb at work, for example V(release).
    type: str
    required: true
  state:
    description:
      - V(begin) opens the operation, or a part of the one that is open.
      - V(phase) marks that it has come to O(phase).
      - V(finish) closes it as succeeded.
      - V(fail) closes it as failed, and fails.
    type: str
    required: true
    choices: [begin, phase, finish, fail]
  phase:
    description:
      - The phase that begins, as a person would call it. Needed with O(state=phase).
    type: str
  changed:
    description:
      - Whether the verb changed anything, kept in the history. Used with O(state=finish) and O(state=fail).
    type: bool
  error:
    description:
      - The result of the failed task. Used with O(state=fail).
      - Without it, C(ansible_failed_result) of the rescue section is taken.
    type: dict
  task:
    description:
      - The name of the failed task. Used with O(state=fail).
      - Without it, that of C(ansible_failed_task) of the rescue section is taken.
    type: str
  take_over:
    description:
      - Takes the environment from a process that cannot be seen from here, such as one on another machine or in a
        container. One that is seen to run is never taken over. Used with O(state=begin).
    type: bool
    default: false
  workspace:
    description:
      - The workspace directory. A relative one starts at the working directory of the caller.
      - Default is E(TORRUST_DEPLOYER_WORKSPACE), else C(torrust-deployer) in E(XDG_DATA_HOME).
    type: path
attributes:
  action:
    description: Has an action plugin that runs on the controller.
    support: full
  async:
    description: Can be run with C(async).
    support: none
  check_mode:
    description: Can run in C(check_mode) without changing anything.
    support: full
    details:
      - In check mode neither the lease is taken nor the record written, so nothing keeps another operation away.
  connection:
    description: Uses the target's connection to run code on it.
    support: none
  diff_mode:
    description: Returns what has changed or would change in C(diff) mode.
    support: none
  platform:
    description: Where it runs.
    support: full
    platforms: linux
notes:
  - It never reports a change, since an operation's record changes nothing in the environment.
"""

EXAMPLES = r"""
- name: Release
  hosts: all
  gather_facts: false
  tasks:
    - name: Release, and say what went wrong
      block:
        - name: Open the operation
          torrust.deployer.operation:
            environment: my-tracker
            verb: release
            state: begin

        - name: Come to the upload
          torrust.deployer.operation:
            environment: my-tracker
            verb: release
            state: phase
            phase: upload

        - name: Close the operation
          torrust.deployer.operation:
            environment: my-tracker
            verb: release
            state: finish
            changed: true
      rescue:
        - name: Say what failed, where, why, and what to do next
          torrust.deployer.operation:
            environment: my-tracker
            verb: release
            state: fail
"""

RETURN = r"""
workspace:
  description: The workspace in use.
  returned: when O(state=begin) succeeds
  type: str
  sample: /home/anna/.local/share/torrust-deployer
known_hosts:
  description: Where the pinned host keys of the environment are kept on the controller.
  returned: when O(state=begin) succeeds
  type: str
record:
  description:
    - What is known of the environment's machine and what is on it. Its keys are C(infrastructure), C(images), C(host),
      C(release), C(running) and C(destroyed_at), each V(null) or empty until it is known. It holds no secret.
  returned: when O(state=begin) succeeds
  type: dict
operation:
  description: The open operation.
  returned: when O(state=begin) succeeds, not in check mode
  type: dict
  contains:
    id:
      description: Its identifier.
      type: str
    verb:
      description: The verb that opened it, which is the outermost one.
      type: str
    phase:
      description: The phase it is in.
      type: str
    nested:
      description: Whether O(verb) is a part of an operation that was open.
      type: bool
interrupted:
  description: The operation that was found open though its process had ended, or V(null).
  returned: when O(state=begin) succeeds, not in check mode
  type: dict
error:
  description:
    - The failure as data, with C(code), C(message), C(where), C(cause), C(next_step) and C(exit_code).
  returned: on failure
  type: dict
"""
