# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all runs left, and the end of the shared environment."""

from __future__ import annotations

from typing import Any

from ansible_collections.torrust.deployer.tests.e2e._deployer import Deployer
from ansible_collections.torrust.deployer.tests.e2e.conftest import MACHINE, NAME
from ansible_collections.torrust.deployer.tests.lab._lxd import get


def test_no_output_held_the_secret(deployer: Deployer, deployed: dict[str, Any]) -> None:
    token = deployer.token(NAME)
    assert len(deployer.outputs) > 20
    assert not [output for output in deployer.outputs if token in output]


def test_one_file_here_holds_the_secret(deployer: Deployer, deployed: dict[str, Any]) -> None:
    token = deployer.token(NAME).encode()
    files = [path for path in deployer.workspace.rglob("*") if path.is_file() and token in path.read_bytes()]
    assert [path.name for path in files] == ["secrets.json"]
    assert files[0].stat().st_mode & 0o077 == 0


def test_destroy_and_purge_leave_nothing(deployer: Deployer, deployed: dict[str, Any]) -> None:
    assert deployer.bad("destroy", NAME)["exit_code"] == 7
    assert deployer.bad("purge", NAME, "--force")["exit_code"] == 7, "while there is a machine"
    deployer.good("destroy", NAME, "--confirm", NAME)
    assert get(f"instances/{MACHINE}") is None
    assert get(f"profiles/{MACHINE}") is None
    deployer.good("purge", NAME, "--force")
    assert deployer.good("list").document["result"]["environments"] == []
    assert not (deployer.workspace / "data" / NAME).exists()
