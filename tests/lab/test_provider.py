# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in provider through real OpenTofu and real LXD: what the real provider promises, kept."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.tests import lab
from ansible_collections.torrust.deployer.tests.lab import _paths
from ansible_collections.torrust.deployer.tests.lab._lxd import delete_guest, get, lxc

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not lab.is_up("provider", "guest-image"), reason="the lab is not up (tests/lab/lab up)"),
]

NAME = f"{_paths.GUEST_PREFIX}provider-test"
PROVIDER = {"lxd": [{"remote": [{"name": "local", "address": "unix://"}]}]}


def configuration(**changes: Any) -> dict[str, Any]:
    """Return one profile and one instance; ``changes`` go into the instance, None takes a setting away."""
    instance: dict[str, Any] = {
        "name": NAME,
        "image": _paths.GUEST_IMAGE,
        "type": _paths.INSTANCE_TYPE,
        "profiles": ["${lxd_profile.it.name}"],
        "config": _paths.INSTANCE_CONFIG,
        "wait_for": [{"type": "ipv4"}, {"type": "ipv6", "nic": "eth0"}],
    }
    instance.update(changes)
    devices = [
        {"name": "root", "type": "disk", "properties": {"path": "/", "pool": _paths.POOL}},
        {"name": "eth0", "type": "nic", "properties": {"network": _paths.BRIDGE}},
    ]
    profile = {"name": NAME, "config": {"limits.memory": "1GiB"}, "device": devices}
    return {
        "terraform": {"required_providers": {"lxd": {"source": "terraform-lxd/lxd", "version": "~> 3.0"}}},
        "provider": PROVIDER,
        "resource": {
            "lxd_profile": {"it": profile},
            "lxd_instance": {"it": {key: value for key, value in instance.items() if value is not None}},
        },
        "output": {key: {"value": f"${{lxd_instance.it.{key}}}"} for key in ("ipv4_address", "ipv6_address", "status")},
    }


class Workspace:
    """A directory in which OpenTofu works."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write()
        self.run("init")

    def write(self, **changes: Any) -> None:
        """Write the configuration."""
        (self.directory / "main.tf.json").write_text(json.dumps(configuration(**changes)))

    def run(self, *words: str, code: int = 0) -> str:
        """Run OpenTofu, expect its exit code, return what it said."""
        done = subprocess.run(
            ["tofu", words[0], "-no-color", *words[1:]],
            cwd=self.directory,
            env={**os.environ, **lab.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def actions(self) -> dict[str, list[str]]:
        """Plan, and return the actions per resource address."""
        self.run("plan", "-out=plan")
        shown: dict[str, Any] = json.loads(self.run("show", "-json", "plan"))
        return {one["address"]: one["change"]["actions"] for one in shown["resource_changes"]}

    def outputs(self) -> dict[str, Any]:
        """Return the outputs."""
        return {key: one["value"] for key, one in json.loads(self.run("output", "-json")).items()}

    def apply(self) -> str:
        """Apply the configuration."""
        return self.run("apply", "-auto-approve")


def clean() -> None:
    """Remove what a failed test left."""
    delete_guest(NAME)
    if get(f"profiles/{NAME}") is not None:
        lxc("profile", "delete", NAME)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace with nothing applied."""
    clean()
    yield Workspace(tmp_path)
    clean()


UNCHANGED = {"lxd_profile.it": ["no-op"], "lxd_instance.it": ["no-op"]}


def test_life(workspace: Workspace) -> None:
    """Create, plan clean, change and take back a setting, repair drift, see a loss, destroy."""
    said = workspace.apply()
    assert "stand-in" in said
    outputs = workspace.outputs()
    assert outputs["status"] == "Running"
    assert outputs["ipv4_address"].startswith("10.87.140.")
    assert outputs["ipv6_address"].startswith("fd42:87:140:")
    assert workspace.actions() == UNCHANGED

    workspace.write(config={**_paths.INSTANCE_CONFIG, "limits.cpu": "1"}, description="changed")
    assert workspace.actions() == {**UNCHANGED, "lxd_instance.it": ["update"]}
    workspace.apply()
    assert get(f"instances/{NAME}")["config"]["limits.cpu"] == "1"
    assert workspace.actions() == UNCHANGED
    assert workspace.outputs() == outputs

    # A line taken out of the configuration must be seen, and so must what somebody else changed.
    workspace.write()
    assert workspace.actions()["lxd_instance.it"] == ["update"]
    workspace.apply()
    assert "limits.cpu" not in get(f"instances/{NAME}")["config"]
    assert get(f"instances/{NAME}")["description"] == ""
    assert workspace.actions() == UNCHANGED
    lxc("config", "set", NAME, "user.foreign=1")
    lxc("profile", "set", NAME, "limits.memory=2GiB")
    assert workspace.actions() == {"lxd_profile.it": ["update"], "lxd_instance.it": ["update"]}
    workspace.apply()
    assert "user.foreign" not in get(f"instances/{NAME}")["config"]
    assert get(f"profiles/{NAME}")["config"] == {"limits.memory": "1GiB"}

    lxc("stop", "--force", NAME)
    assert workspace.actions()["lxd_instance.it"] == ["update"]
    workspace.apply()
    assert workspace.outputs()["status"] == "Running"
    assert workspace.actions() == UNCHANGED

    for change in ({"image": "another"}, {"type": "virtual-machine"}):
        workspace.write(**change)
        assert workspace.actions()["lxd_instance.it"] == ["delete", "create"]
    # What is the default anyway may be left out.
    workspace.write(type=None)
    workspace.apply()
    assert workspace.actions() == UNCHANGED

    delete_guest(NAME)
    assert workspace.actions()["lxd_instance.it"] == ["create"]
    workspace.apply()
    workspace.run("destroy", "-auto-approve")
    assert get(f"instances/{NAME}") is None
    assert get(f"profiles/{NAME}") is None


def test_half_created_is_tainted(workspace: Workspace) -> None:
    """An instance that was made but does not start is in the state, and replaced by the next apply."""
    workspace.write(config={**_paths.INSTANCE_CONFIG, "raw.lxc": "lxc.init.cmd = /nowhere/init"})
    said = workspace.run("apply", "-auto-approve", code=1)
    assert "Failed to start instance" in said
    assert get(f"instances/{NAME}") is not None
    workspace.write()
    assert workspace.actions()["lxd_instance.it"] == ["delete", "create"]
    workspace.apply()
    assert workspace.outputs()["status"] == "Running"


def test_refusals(workspace: Workspace) -> None:
    """What the real provider refuses is refused: an unknown image, a wrong type, an attribute that 3.x dropped."""
    workspace.write(image="no-such-image")
    assert "Failed to create instance" in workspace.run("apply", "-auto-approve", code=1)
    assert get(f"instances/{NAME}") is None
    workspace.write(type="jail")
    assert "container or virtual-machine" in workspace.run("plan", code=1)
    workspace.write(limits={"cpu": "1"})
    assert "limits" in workspace.run("validate", code=1)
