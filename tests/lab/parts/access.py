# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fixed place for what an env file of the lab names: it must hold absolute paths, and be the same on all machines."""

from __future__ import annotations

import shutil
from pathlib import Path

from .. import _paths
from .._part import Part
from .._process import Log
from .images import Images

# Named by examples/lab/*.yml.
PLACE = Path("/var/lib/torrust-deployer-lab")
_KEYS = _paths.CACHE / "ssh"


class Access(Part):
    """``ssh/id_ed25519`` with its public half, made once, and ``images``, the archives: links into the cache."""

    name = "access"
    needs = ("packages", "images")

    def _links(self) -> dict[Path, Path]:
        return {PLACE / "ssh": _KEYS, PLACE / "images": Images().directory}

    def is_up(self) -> bool:
        """Tell whether the links lead to a key pair and to the archives of the current recipe."""
        return (_KEYS / "id_ed25519.pub").is_file() and all(
            link.is_symlink() and link.readlink() == target for link, target in self._links().items()
        )

    def build(self, log: Log) -> None:
        """Make the key pair unless there is one, and the links."""
        _KEYS.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = _KEYS / "id_ed25519"
        if not (_KEYS / "id_ed25519.pub").is_file():
            # Of a killed run; ssh-keygen would ask before it writes over it.
            private.unlink(missing_ok=True)
            log.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "torrust-deployer-lab", "-f", str(private)])
        PLACE.mkdir(mode=0o755, parents=True, exist_ok=True)
        for link, target in self._links().items():
            link.unlink(missing_ok=True)
            link.symlink_to(target)

    def down(self, log: Log) -> None:
        """Remove the links; the cache keeps the key."""
        shutil.rmtree(PLACE, ignore_errors=True)

    def detail(self) -> str:
        """Return where it is."""
        return str(PLACE)
