# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests' images inside LXD, imported from the cache."""

from __future__ import annotations

from typing import ClassVar

from .. import _paths
from .._lxd import get, image_recipe, lxc
from .._part import Artifact, Part
from .._process import Log
from .guest import Guest
from .prepared import Prepared


class _Imported(Part):
    """An image under an alias. It carries its recipe's hash, so that a changed recipe is seen."""

    alias: ClassVar[str]
    source: ClassVar[Artifact]
    takes = "3 s"

    def is_up(self) -> bool:
        """Tell whether LXD has the image of the current recipe under the alias."""
        return image_recipe(self.alias) == self.source.hash

    def build(self, log: Log) -> None:
        """Import, in place of an older one."""
        self._remove()
        files = [str(path) for path in sorted(self.source.directory.iterdir())]
        lxc("image", "import", *files, "--alias", self.alias)

    def _remove(self) -> None:
        alias = get(f"images/aliases/{self.alias}")
        if alias is not None:
            lxc("image", "delete", alias["target"])

    def down(self, log: Log) -> None:
        """Delete the image; the cache has it."""
        if get("") is not None:
            self._remove()

    def detail(self) -> str:
        """Return the alias."""
        return f"image {self.alias}"


class GuestImage(_Imported):
    """Debian 13 as a cloud would give it."""

    name = "guest-image"
    needs = ("guest", "lxd")
    alias = _paths.GUEST_IMAGE
    source = Guest()


class PreparedImage(_Imported):
    """Debian 13 with Docker and the tracker's image in it."""

    name = "prepared-image"
    needs = ("prepared", "lxd")
    alias = _paths.PREPARED_IMAGE
    source = Prepared()
