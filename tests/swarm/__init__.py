# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file shared between two real BitTorrent clients which only a tracker can introduce to one another.

``python -m tests.swarm URL [URL ...]`` is its command; ``share`` what it does.
"""

from __future__ import annotations

from ._share import Share, SwarmError, share

__all__ = ["Share", "SwarmError", "share"]
