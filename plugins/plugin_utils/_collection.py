# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the collection's own data files are, however it was installed."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def collection_file(*parts: str) -> Path:
    """Path of a file of the collection, such as ``collection_file("schema", "environment.schema.json")``."""
    return ROOT.joinpath(*parts)
