#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_files
short_description: Look at a release on a host, or unpack one
version_added: 0.1.0
description:
  - Says whether a release lies on the host complete and undamaged, and which images the host has.
  - With O(src), unpacks the release aside and moves it into place, so that it is complete or absent.
  - Makes the data directories of the release, and removes old releases that nothing uses any more.
  - Used by M(torrust.deployer.release), which makes the archive; there is no need to call it directly.
author: Torrust deployer contributors (@torrust)
options:
  deploy_directory:
    description: Directory of the stack.
    type: path
    default: /opt/torrust
  environment:
    description: Name of the environment; a host that serves another one is refused.
    type: str
    required: true
  digest:
    description: Digest of the release.
    type: str
    required: true
  images:
    description: References of the images to look for.
    type: list
    elements: str
    default: []
  src:
    description: Archive of the release, on the host.
    type: path
  keep:
    description: How many releases stay besides those in use.
    type: int
    default: 3
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed (or would change in C(check_mode)) when in diff mode.
    support: none
"""

EXAMPLES = r"""
- name: Look at a release
  torrust.deployer.release_files:
    environment: my-tracker
    digest: 877270624f3a
    images:
      - torrust/tracker:3.0.0
"""

RETURN = r"""
complete:
  description: Whether the release lies on the host as its manifest says.
  returned: success
  type: bool
damage:
  description: Paths of the release that are missing or not as its manifest says.
  returned: success
  type: list
  elements: str
images:
  description: Id and registry digests of each image the host has, by reference.
  returned: success
  type: dict
current:
  description: Digest of the release that runs, if any.
  returned: success
  type: str
directories:
  description: Data directories that were made or mended.
  returned: success
  type: list
  elements: str
pruned:
  description: Digests of the releases that were removed.
  returned: success
  type: list
  elements: str
code:
  description: What kind of failure it is.
  returned: failure
  type: str
"""

import errno
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.torrust.deployer.plugins.module_utils import _docker
from ansible_collections.torrust.deployer.plugins.module_utils._release import ReleaseError, Releases


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "deploy_directory": {"type": "path", "default": "/opt/torrust"},
            "environment": {"type": "str", "required": True},
            "digest": {"type": "str", "required": True},
            "images": {"type": "list", "elements": "str", "default": []},
            "src": {"type": "path"},
            "keep": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**_work(module))
    except ReleaseError as error:
        module.fail_json(msg=str(error), code=error.code)
    except _docker.DockerError as error:
        module.fail_json(msg=str(error), code="docker")
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        module.fail_json(msg=str(error), code="disk-full" if full else "host-files")


def _work(module: AnsibleModule) -> dict[str, object]:
    wanted = module.params
    releases = Releases(wanted["deploy_directory"], wanted["environment"])
    digest = wanted["digest"]
    owner = releases.owner()
    if owner not in (None, wanted["environment"]):
        raise ReleaseError("other-environment", f"this host already serves the environment '{owner}'")
    found = {reference: _docker.image(module.run_command, reference) for reference in wanted["images"]}
    changed = False
    mended: list[str] = []
    pruned: list[str] = []
    if not module.check_mode:
        if wanted["src"]:
            changed = releases.claim()
            releases.install(wanted["src"], digest)
            changed = True
        manifest = releases.manifest(digest)
        if manifest is not None:
            mended = releases.ensure_directories(manifest["directories"])
            changed = changed or bool(mended)
        if wanted["src"]:
            mounted = [path for one in _docker.containers(module.run_command, "torrust") for path in one.mounts]
            pruned = releases.prune(wanted["keep"], {digest, releases.current() or digest}, mounted)
    damage = releases.damage(digest)
    return {
        "changed": changed,
        "complete": not damage,
        "damage": damage if os.path.isdir(releases.path("releases", digest)) else [],
        "images": {ref: {"id": info.id, "digests": info.digests} for ref, info in found.items() if info},
        "current": releases.current(),
        "directories": mended,
        "pruned": pruned,
    }


if __name__ == "__main__":
    main()
