# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All image archives in one directory with one index, as an air-gapped deployment would carry them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from .._part import Artifact
from .._process import Log
from .tracker_image import TrackerImage

_IMAGES: tuple[Artifact, ...] = (TrackerImage(),)


class Images(Artifact):
    """The archives, and ``index.json``: image reference to ``archive``, ``image_id``, ``labels``."""

    name = "images"
    needs = tuple(image.name for image in _IMAGES)
    takes = "1 s"

    def recipe(self) -> Iterable[str | bytes | Path]:
        """Return the images' hashes."""
        return tuple(image.hash for image in _IMAGES)

    def make(self, target: Path, work: Path, log: Log) -> None:
        """Link the archives and merge their indexes."""
        index: dict[str, dict[str, object]] = {}
        for image in _IMAGES:
            entries = json.loads((image.directory / "index.json").read_text())
            for entry in entries.values():
                os.link(image.directory / entry["archive"], target / entry["archive"])
            index.update(entries)
        (target / "index.json").write_text(json.dumps(index, indent=2) + "\n")
