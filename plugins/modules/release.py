#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Bring a release to the host
version_added: 0.1.0
description:
  - Renders the release of the environment in memory and brings it to the host with the images it needs, each only if
    it is not there or not as it should be.
  - Images are locked in the record at the first release; by digest from a registry, by id from an archive directory.
  - No secret is an argument or a result; they go from the store to the host.
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
- name: Bring the release to the host
  torrust.deployer.release:
    env_name: my-tracker
"""

RETURN = r"""
digest:
  description: Digest of the release.
  returned: success
  type: str
done:
  description: What was brought or mended.
  returned: success
  type: list
  elements: str
document:
  description: The result as the command prints it.
  returned: success
  type: dict
"""
