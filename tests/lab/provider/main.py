# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry point of the stand-in: what OpenTofu starts in place of the real terraform-lxd/lxd."""

from __future__ import annotations

from lxd_standin.provider import LxdStandIn
from tf import runner

if __name__ == "__main__":
    runner.run_provider(LxdStandIn())
