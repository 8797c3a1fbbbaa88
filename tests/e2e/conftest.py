# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab, one workspace and one deployed tracker for the whole session."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.tests import lab
from ansible_collections.torrust.deployer.tests.e2e._deployer import BIN, ROOT, Deployer, env_file
from ansible_collections.torrust.deployer.tests.lab import guests

# The environment that the session shares, and the one on a machine that is there already.
NAME = "e2e"
MACHINE = f"torrust-lab-{NAME}"
REGISTERED = "e2e-registered"
GUEST = "torrust-lab-e2e-registered"
KEY = Path("/var/lib/torrust-deployer-lab/ssh/id_ed25519")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is here, and have the modules in the order of their numbers however they were named."""
    here = Path(__file__).parent
    mine = sorted((item for item in items if here in item.path.parents), key=lambda item: item.path.name)
    for item in mine:
        item.add_marker(pytest.mark.e2e)
    items[:] = [item for item in items if here not in item.path.parents] + mine


@pytest.fixture(scope="session", autouse=True)
def _lab() -> Iterator[None]:
    """Have the lab up. It is not skipped where it fails: then nothing of all this was shown to work."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    was_up = lab.is_up()
    command = str(ROOT / "tests/lab/lab")
    if not was_up:
        subprocess.run([command, "up"], check=True, stdout=sys.stderr)
    os.environ.update(lab.environment())
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    # What is under test, and no copy of it that a tool has put into another place.
    ours = sysconfig.get_path("purelib")
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = f"{ours}{os.pathsep}{os.environ['ANSIBLE_COLLECTIONS_PATH']}"
    yield
    if not was_up:
        subprocess.run([command, "down"], check=True, stdout=sys.stderr)


@pytest.fixture(scope="session")
def deployer(_lab: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    """The command on a workspace of this session. Machines that a failed test left are given up at the end."""
    deployer = Deployer(tmp_path_factory.mktemp("workspace"))
    yield deployer
    for row in deployer.run("list").document["result"]["environments"]:
        deployer.run("destroy", row["name"], "--confirm", row["name"])


def widen(document: dict[str, Any]) -> None:
    """Publish the API too: the tests ask it."""
    document["tracker"]["http_api"]["bind_address"] = "[::]:1212"


@pytest.fixture(scope="session")
def main_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The env file of the shared environment."""
    return env_file(tmp_path_factory.mktemp("env") / "main.yml", NAME, widen)


@pytest.fixture(scope="session")
def deployed(deployer: Deployer, main_file: Path) -> dict[str, Any]:
    """The shared environment, deployed on a fresh guest: the document of ``show``."""
    deployer.good("create", "environment", "--env-file", str(main_file))
    deployer.good("deploy", NAME)
    return dict(deployer.good("show", NAME).document["result"])


@pytest.fixture(scope="session")
def registered_guest(_lab: None) -> Iterator[guests.Guest]:
    """A machine that was there before us, with Docker on it."""
    guests.delete(GUEST)
    yield guests.launch(GUEST, KEY.with_suffix(".pub").read_text(), "torrust")
    guests.delete(GUEST)
