# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab tells other processes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.torrust.deployer.tests import lab


def test_it_is_stable_when_applied_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    first = lab.environment()
    for name, value in first.items():
        monkeypatch.setenv(name, value)
    assert lab.environment() == first


def test_paths_of_the_caller_stay_behind_those_of_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", "/mine")
    monkeypatch.setenv("PATH", "/bin")
    environment = lab.environment()
    assert environment["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)[1:] == ["/mine"]
    assert environment["PATH"].rsplit(os.pathsep, maxsplit=1)[-1] == "/bin"
    assert Path(environment["TF_CLI_CONFIG_FILE"]).name == "tofurc"
    assert json.loads(environment["TORRUST_LAB_INSTANCE_CONFIG"])["security.nesting"] == "true"


def test_every_stand_in_is_named() -> None:
    words = " ".join(lab.stand_ins())
    for name in ("terraform-lxd/lxd", "cloud.terraform", "torrust/tracker:3.0.0"):
        assert name in words
