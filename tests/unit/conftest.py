# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of every unit test: a machine of its own, and more examples where time is no matter."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# Run times differ too much between machines for a deadline to tell anything. In CI a run must mean the same each time.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.register_profile("full", deadline=None, max_examples=2000)
if os.environ.get("TORRUST_TEST_FULL"):
    hypothesis.settings.load_profile("full")
else:
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's workspace, cache and settings out of the tests, and the tests out of them."""
    for name in list(os.environ):
        if name.startswith(("TORRUST_DEPLOYER_", "XDG_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
