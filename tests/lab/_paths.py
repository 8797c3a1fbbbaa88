# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps things, and the names and addresses that its parts and its users share."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torrust-deployer-lab"
LOGS = CACHE / "log"
# Half-built things, one directory per part: kept when a build is killed, so that the next one goes on from there.
WORK = CACHE / "work"
# Sockets and pids. Not in the cache: a socket's path may not exceed 108 bytes, and none of it outlives a boot.
RUN = Path("/run/torrust-deployer-lab")

LXD_SOCKET = Path("/var/lib/lxd/unix.socket")
DOCKER_SOCKET = RUN / "docker.sock"

# Every guest of the lab and of its tests is named so: that is how `down` finds them.
GUEST_PREFIX = "torrust-lab-"
GUEST_IMAGE = "torrust-lab-debian-13"
PREPARED_IMAGE = "torrust-lab-prepared"
BRIDGE = "lxdbr0"
POOL = "default"
IPV4 = "10.87.140.1/24"
IPV6 = "fd42:87:140::1/64"

INSTANCE_TYPE = "container"
# A container that runs systemd and Docker on a host with the older control groups.
INSTANCE_CONFIG = {
    "security.nesting": "true",
    "security.privileged": "true",
    "raw.lxc": "lxc.init.cmd = /sbin/init SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=0",
}
