# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the lab, in an order in which each comes after what it needs."""

from __future__ import annotations

from .._part import Part
from .access import Access
from .dockerd import Dockerd
from .guest import Guest
from .images import Images
from .lxd import Lxd
from .lxd_images import GuestImage, PreparedImage
from .opentofu import OpenTofu
from .packages import Packages
from .prepared import Prepared
from .provider import Provider
from .provider_python import ProviderPython
from .redirect import Redirect
from .tracker import Tracker
from .tracker_image import TrackerImage

ALL: tuple[Part, ...] = (
    Packages(),
    OpenTofu(),
    ProviderPython(),
    Provider(),
    Redirect(),
    Guest(),
    Lxd(),
    GuestImage(),
    Dockerd(),
    Tracker(),
    TrackerImage(),
    Images(),
    Access(),
    Prepared(),
    PreparedImage(),
)
