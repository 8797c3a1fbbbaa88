# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m torrust_tracker_deployer``."""

from __future__ import annotations

import sys

from torrust_tracker_deployer import main

sys.exit(main())
