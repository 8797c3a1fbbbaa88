# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that was there before us, and all that can be wrong with it.

Each time the error is clear, and the same verb goes on once the cause is mended.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.tests.e2e._deployer import Deployer, env_file
from ansible_collections.torrust.deployer.tests.e2e.conftest import GUEST, KEY, REGISTERED
from ansible_collections.torrust.deployer.tests.lab import _paths, guests

# Nobody's: the lab's addresses are leased from the start of the network on.
NOBODY = f"{_paths.IPV4.rpartition('.')[0]}.254"


@pytest.fixture(scope="module")
def apply(deployer: Deployer, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Create the environment, or change the key that logs in."""
    directory = tmp_path_factory.mktemp("registered")

    def apply(key: Path) -> None:
        def change(document: dict[str, Any]) -> None:
            document["provider"] = {"provider": "existing"}
            document["ssh_credentials"]["private_key_path"] = str(key)

        path = env_file(directory / "registered.yml", REGISTERED, change)
        deployer.good("create", "environment", "--env-file", str(path))

    return apply


def test_an_address_where_nobody_is(deployer: Deployer, apply: Callable[[Path], None]) -> None:
    apply(KEY)
    error = deployer.bad("register", REGISTERED, "--instance-ip", NOBODY)
    assert error["exit_code"] == 9
    assert NOBODY in error["message"] + error.get("where", "")
    assert deployer.record(REGISTERED)["infrastructure"] is None


def test_a_key_that_the_machine_does_not_know(
    deployer: Deployer, registered_guest: guests.Guest, apply: Callable[[Path], None], tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    apply(stranger)
    error = deployer.bad("register", REGISTERED, "--instance-ip", registered_guest.ipv6)
    assert (error["code"], error["exit_code"]) == ("key-rejected", 9)
    apply(KEY)
    deployer.good("register", REGISTERED, "--instance-ip", registered_guest.ipv6)
    assert deployer.good("register", REGISTERED, "--instance-ip", registered_guest.ipv6).changed == 0


def test_a_disk_that_is_full(deployer: Deployer, registered_guest: guests.Guest) -> None:
    deployer.good("configure", REGISTERED)
    # A little disk of its own where the releases go, full to the last byte.
    guests.execute(
        GUEST,
        "mkdir -p /opt/torrust && mount -t tmpfs -o size=64k tmpfs /opt/torrust && "
        "! head -c 1000000 /dev/zero > /opt/torrust/filler",
    )
    error = deployer.bad("release", REGISTERED)
    assert (error["code"], error["exit_code"]) == ("disk-full", 10)
    guests.execute(GUEST, "umount /opt/torrust")
    deployer.good("release", REGISTERED)


def test_a_tracker_that_never_becomes_healthy(deployer: Deployer, registered_guest: guests.Guest) -> None:
    # It can neither read nor make its database, and exits.
    library = "/opt/torrust/storage/tracker/lib"
    guests.execute(GUEST, f"chown -R root:root {library}")
    error = deployer.bad("run", REGISTERED)
    assert (error["code"], error["exit_code"], error["services"]) == ("not-serving", 10, ["tracker"])
    assert "database" in error["cause"].lower(), "the tracker's own last words must be in it"
    guests.execute(GUEST, f"chown -R 6969:6969 {library}")
    deployer.good("run", REGISTERED)


def test_it_serves_then(deployer: Deployer, registered_guest: guests.Guest) -> None:
    again = deployer.good("deploy", REGISTERED)
    assert again.changed == 0, again.changed_steps
    assert deployer.good("show", REGISTERED).document["result"]["verdict"]["passed"]


def test_destroy_leaves_the_machine_and_the_data(deployer: Deployer, registered_guest: guests.Guest) -> None:
    refused = deployer.bad("destroy", REGISTERED)
    assert refused["exit_code"] == 7
    deployer.good("destroy", REGISTERED, "--confirm", REGISTERED)
    assert guests.execute(GUEST, "docker ps --all --quiet").split() == []
    assert guests.execute(GUEST, "docker network ls --quiet --filter name=^torrust$").split() == []
    assert "tracker.db" in guests.execute(GUEST, "find /opt/torrust/storage")
    assert deployer.good("destroy", REGISTERED, "--confirm", REGISTERED).changed == 0
    # The machine serves whoever comes next.
    deployer.good("register", REGISTERED, "--instance-ip", registered_guest.ipv4)
    deployer.good("deploy", REGISTERED)
    deployer.good("destroy", REGISTERED, "--confirm", REGISTERED, "--data", "delete")
    assert guests.execute(GUEST, "ls -d /opt/torrust || true").strip() == ""
    deployer.good("purge", REGISTERED, "--force")
