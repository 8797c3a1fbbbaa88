# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A directory of container images as archives, for hosts that reach no registry: ``index.json`` lists them.

``{"<reference>": {"archive": "<name in this directory>", "image_id": "sha256:..."}}``
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode


@dataclass(frozen=True)
class ArchivedImage:
    """An image in the directory: its archive (``docker save``, perhaps compressed) and its id."""

    file: Path
    id: str


def find(directory: str, reference: str) -> ArchivedImage:
    """The archive of an image; a ``DeployerError`` names the image and the directory where there is none."""
    index = Path(directory) / "index.json"
    try:
        entries = json.loads(index.read_text(encoding="utf-8"))
        entry = entries[reference]
        file = Path(directory) / entry["archive"]
        if not file.is_file():
            raise FileNotFoundError(f"{file} is listed but does not exist")
        return ArchivedImage(file, entry["image_id"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        cause = f"{error.args[0]} is not listed" if isinstance(error, KeyError) else str(error)
        raise DeployerError(
            "image-archive-missing",
            f"The image {reference} is not in the archive directory.",
            where=str(index),
            cause=cause,
            next_step="put its archive there and list it in index.json, or remove images.archive to use the registry",
            exit_code=ExitCode.NOT_FOUND,
        ) from error
