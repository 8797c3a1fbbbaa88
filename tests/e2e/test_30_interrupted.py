# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed in the middle: the same verb goes on from what is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ansible_collections.torrust.deployer.tests.e2e._deployer import Deployer, env_file
from ansible_collections.torrust.deployer.tests.e2e.conftest import NAME
from ansible_collections.torrust.deployer.tests.lab import _paths
from ansible_collections.torrust.deployer.tests.lab._lxd import get

KILLED = "e2e-killed"


def test_release_goes_on_after_it_was_killed(deployer: Deployer, deployed: dict[str, Any], main_file: Path) -> None:
    document = yaml.safe_load(main_file.read_text())
    document["tracker"]["core"]["announce_policy"] = {"interval": 321, "interval_min": 321}
    main_file.write_text(yaml.safe_dump(document))
    deployer.good("create", "environment", "--env-file", str(main_file))

    deployer.kill_when(lambda: deployer.phase(NAME) == ("release", "upload"), "release", NAME, with_children=False)
    shown = deployer.good("show", NAME).document["result"]
    assert shown["state"] == "release interrupted in upload"
    assert shown["operation"]["alive"] is False

    deployer.good("release", NAME)
    assert deployer.good("run", NAME).changed == 1
    assert deployer.good("test", NAME).document["ok"]
    assert deployer.good("release", NAME).changed == 0
    # A release that was given up half-way is no part of the next one's way.
    assert deployer.good("deploy", NAME).changed == 0


def test_provision_goes_on_after_it_was_killed(deployer: Deployer, deployed: dict[str, Any], tmp_path: Path) -> None:
    def prepared(document: dict[str, Any]) -> None:
        document["provider"]["image"] = _paths.PREPARED_IMAGE

    machine = f"torrust-lab-{KILLED}"
    deployer.good("create", "environment", "--env-file", str(env_file(tmp_path / "killed.yml", KILLED, prepared)))
    # LXD has the machine, OpenTofu has not heard of it yet.
    deployer.kill_when(lambda: get(f"instances/{machine}") is not None, "provision", KILLED, with_children=True)
    assert "interrupted" in deployer.good("show", KILLED).document["result"]["state"]

    deployer.good("provision", KILLED)
    assert deployer.record(KILLED)["infrastructure"]["instance_name"] == machine
    again = deployer.good("provision", KILLED)
    assert again.changed == 0, again.changed_steps

    deployer.good("destroy", KILLED, "--confirm", KILLED)
    assert get(f"instances/{machine}") is None
    assert get(f"profiles/{machine}") is None
    deployer.good("purge", KILLED, "--force")
