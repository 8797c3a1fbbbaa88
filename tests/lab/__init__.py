# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: every real part that the whole path needs, on one machine. ``tests/lab/lab`` is its command."""

from __future__ import annotations

import json
import os
from pathlib import Path

from . import _paths
from ._driver import closure
from ._process import LabError
from .parts import ALL
from .parts.images import Images
from .parts.opentofu import OpenTofu
from .parts.provider import Provider
from .parts.redirect import Redirect
from .parts.tracker import Tracker

__all__ = ["LabError", "environment", "is_up", "stand_ins"]


def environment() -> dict[str, str]:
    """Return what a process needs in its environment to work with the lab. Complete values, to be merged into its own.

    ``TORRUST_LAB_INSTANCE_CONFIG`` is JSON; ``TORRUST_LAB_IMAGES`` a directory of archives with an ``index.json``.
    """
    programs = (OpenTofu().directory, Tracker().directory / "bin")
    path = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part not in map(str, programs)]
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or os.pathsep.join(
        (str(Path.home() / ".ansible" / "collections"), "/usr/share/ansible/collections")
    )
    others = [part for part in collections.split(os.pathsep) if part != str(Redirect().directory)]
    return {
        "PATH": os.pathsep.join([*map(str, programs), *path]),
        "TF_CLI_CONFIG_FILE": str(Provider().settings),
        # Ansible goes on to look where Python's packages are, whatever stands here.
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([str(Redirect().directory), *others]),
        "DOCKER_HOST": f"unix://{_paths.DOCKER_SOCKET}",
        "TORRUST_LAB_IMAGES": str(Images().directory),
        "TORRUST_LAB_GUEST_IMAGE": _paths.GUEST_IMAGE,
        "TORRUST_LAB_PREPARED_IMAGE": _paths.PREPARED_IMAGE,
        "TORRUST_LAB_INSTANCE_TYPE": _paths.INSTANCE_TYPE,
        "TORRUST_LAB_INSTANCE_CONFIG": json.dumps(_paths.INSTANCE_CONFIG),
    }


def is_up(*names: str) -> bool:
    """Tell whether the named parts (all, when none is named) and what they need are up."""
    return all(part.is_up() for part in closure(ALL, names))


def stand_ins() -> list[str]:
    """Return a sentence for each part that is not the real thing, for the output of whatever used the lab."""
    return [part.stand_in for part in ALL if part.stand_in]
