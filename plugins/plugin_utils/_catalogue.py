# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue as typed values: images with their owners, tracker releases with their features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from ansible_collections.torrust.deployer.plugins.plugin_utils._collection import (
    collection_file,
)


@dataclass(frozen=True)
class Image:
    """A container image: where it is, whose files and process it has, what it runs on."""

    repository: str
    uid: int
    gid: int
    architectures: tuple[str, ...]


@dataclass(frozen=True)
class TrackerRelease:
    """A tracker release: image tag, schema generation of its configuration file, and what it can do."""

    name: str
    tag: str
    schema: str
    features: frozenset[str]


@dataclass(frozen=True)
class Catalogue:
    """All images by service name and all tracker releases by name."""

    images: Mapping[str, Image]
    releases: Mapping[str, TrackerRelease]


def _read(name: str) -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(collection_file("catalogue", name).read_text(encoding="utf-8"))
    return loaded


@cache
def catalogue() -> Catalogue:
    """The catalogue that this collection ships (``catalogue/*.yml``)."""
    return Catalogue(
        images={
            service: Image(
                entry["repository"],
                entry["uid"],
                entry["gid"],
                tuple(entry["architectures"]),
            )
            for service, entry in _read("images.yml").items()
        },
        releases={
            name: TrackerRelease(name, entry["tag"], entry["schema"], frozenset(entry["features"]))
            for name, entry in _read("tracker-releases.yml").items()
        },
    )
