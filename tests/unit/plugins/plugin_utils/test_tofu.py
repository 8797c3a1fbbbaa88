# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our part of OpenTofu: first instructions, files, plans, states, programs (a shell script stands for the program)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.torrust.deployer.plugins.plugin_utils import _tofu
from ansible_collections.torrust.deployer.plugins.plugin_utils._collection import collection_file
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError
from ansible_collections.torrust.deployer.plugins.plugin_utils._tofu import Changes, Program

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBAQdvjHaivLSq0cUsDLgRuBunPE6Nga/t3iyKH0VbsT me@here: #1"


def change(address: str, *actions: str) -> dict[str, Any]:
    return {"address": address, "change": {"actions": list(actions)}}


def program(directory: Path, body: str, name: str = "tofu") -> Program:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return Program(str(path), "1.12.6")


# -- first instructions ---------------------------------------------------------------------------------------------


def test_user_data_makes_one_user_with_one_key() -> None:
    text = _tofu.user_data("torrust", KEY, 22)
    assert text.startswith("#cloud-config\n")
    document = yaml.safe_load(text)
    assert [user["name"] for user in document["users"]] == ["torrust"]
    assert document["users"][0]["ssh_authorized_keys"] == [KEY]
    assert document["users"][0]["sudo"] == "ALL=(ALL) NOPASSWD:ALL"
    assert document["ssh_pwauth"] is False
    assert document["disable_root"] is True
    assert not {"hostname", "fqdn", "write_files", "runcmd"} & set(document)
    assert text == _tofu.user_data("torrust", KEY, 22)


def test_user_data_moves_the_ssh_port() -> None:
    document = yaml.safe_load(_tofu.user_data("torrust", KEY, 2222))
    assert document["write_files"][0]["content"] == "Port 2222\n"
    assert "ssh.socket" in document["runcmd"][0]


def test_root_stays_root() -> None:
    document = yaml.safe_load(_tofu.user_data("root", KEY, 22))
    assert document["disable_root"] is False
    assert "sudo" not in document["users"][0]


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", f"{KEY}\n{KEY}"])
def test_what_is_no_public_key(tmp_path: Path, content: str) -> None:
    (tmp_path / "key.pub").write_text(content)
    with pytest.raises(DeployerError) as caught:
        _tofu.read_public_key(str(tmp_path / "key.pub"))
    assert caught.value.code == "public-key-unusable"


def test_a_public_key_is_its_line(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(KEY + "\n")
    assert _tofu.read_public_key(str(tmp_path / "key.pub")) == KEY


# -- files ----------------------------------------------------------------------------------------------------------


def test_the_variables_are_those_of_the_configuration() -> None:
    source = collection_file("roles", "infrastructure", "files", "lxd")
    instance = {
        "instance_name": "a",
        "profile_name": "a",
        "instance_type": "container",
        "image": "i",
        "cpu": "2",
        "memory": "2GiB",
        "disk": "10GiB",
        "network": "lxdbr0",
        "storage_pool": "default",
        "extra_config": {"user.x": "${not.interpolated}"},
    }
    content = _tofu.files(source, _tofu.variables_of(instance, "#cloud-config\n"))
    declared = {line.split('"')[1] for line in content["variables.tf"].decode().splitlines() if line[:9] == "variable "}
    assert set(json.loads(content[_tofu.VARIABLES])) == declared
    assert {"main.tf", "outputs.tf"} <= set(content)


def test_every_managed_resource_can_be_adopted() -> None:
    source = collection_file("roles", "infrastructure", "files", "lxd")
    words = [line.split('"') for line in (source / "main.tf").read_text().splitlines() if line.startswith("resource ")]
    assert {f"{word[1]}.{word[3]}" for word in words} == set(json.loads((source / "imports.json").read_text()))


# -- programs -------------------------------------------------------------------------------------------------------


def test_tofu_comes_before_terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, 'echo \'{"terraform_version": "1.10.0"}\'')
    program(tmp_path, 'echo \'{"terraform_version": "1.14.0"}\'', "terraform")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _tofu.find_program() == Program(str(tmp_path / "tofu"), "1.10.0")


def test_an_old_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, 'echo \'{"terraform_version": "1.9.4"}\'')
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeployerError) as caught:
        _tofu.find_program()
    assert caught.value.code == "tofu-too-old"
    assert "1.9.4" in caught.value.cause


def test_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeployerError) as caught:
        _tofu.find_program()
    assert caught.value.code == "tofu-missing"


def test_init_runs_once_for_the_same_configuration(tmp_path: Path) -> None:
    one = program(tmp_path, "echo run >> runs")
    work = tmp_path / "work"
    work.mkdir()
    assert _tofu.initialise(one, work, {"main.tf": b"a", _tofu.VARIABLES: b"1"})
    assert not _tofu.initialise(one, work, {"main.tf": b"a", _tofu.VARIABLES: b"2"})
    assert _tofu.initialise(one, work, {"main.tf": b"b", _tofu.VARIABLES: b"2"})
    assert (work / "runs").read_text() == "run\nrun\n"


def test_init_that_failed_keeps_its_message_and_is_run_again(tmp_path: Path) -> None:
    one = program(tmp_path, "echo '│ Error: no provider' >&2; exit 1")
    for _again in range(2):
        with pytest.raises(DeployerError) as caught:
            _tofu.initialise(one, tmp_path, {"main.tf": b"a"})
        assert caught.value.code == "tofu-init-failed"
        assert caught.value.cause == "Error: no provider"


# -- states ---------------------------------------------------------------------------------------------------------


def state(directory: Path, *addresses: str) -> None:
    resources = [
        {"mode": "managed", "type": kind, "name": name, "instances": [{}]}
        for kind, name in (address.split(".") for address in addresses)
    ]
    (directory / _tofu.STATE).write_text(json.dumps({"version": 4, "resources": resources}))


def test_no_state_and_the_empty_one_of_a_killed_run(tmp_path: Path) -> None:
    assert _tofu.addresses_in_state(tmp_path) == []
    (tmp_path / _tofu.STATE).write_text("")
    assert _tofu.addresses_in_state(tmp_path) == []


def test_a_damaged_state_is_no_empty_one(tmp_path: Path) -> None:
    (tmp_path / _tofu.STATE).write_text("{")
    with pytest.raises(DeployerError) as caught:
        _tofu.addresses_in_state(tmp_path)
    assert caught.value.code == "tofu-state-corrupt"


def test_the_lock_of_another_process_is_seen_and_goes_with_it(tmp_path: Path) -> None:
    assert not _tofu.is_locked(tmp_path)
    state(tmp_path)
    code = (
        "import fcntl,sys; f=open(sys.argv[1],'r+b'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / _tofu.STATE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        if holder.stdout is None:
            raise RuntimeError("no pipe")
        holder.stdout.readline()
        assert _tofu.is_locked(tmp_path)
        holder.kill()
    assert not _tofu.is_locked(tmp_path)


def test_adopt_takes_what_the_state_does_not_know(tmp_path: Path) -> None:
    state(tmp_path, "lxd_profile.this")
    one = program(tmp_path, 'echo "$@" >> imports')
    taken = _tofu.adopt(one, tmp_path, {"lxd_profile.this": "p", "lxd_instance.this": "i,image=x"})
    assert taken == ["lxd_instance.this"]
    assert (tmp_path / "imports").read_text().split()[-2:] == ["lxd_instance.this", "i,image=x"]


def test_adopt_finds_nothing_where_nothing_was_made(tmp_path: Path) -> None:
    one = program(tmp_path, "echo 'Error: Cannot import non-existent remote object' >&2; exit 1")
    assert _tofu.adopt(one, tmp_path, {"lxd_instance.this": "i"}) == []


def test_adopt_says_why_it_cannot_look(tmp_path: Path) -> None:
    one = program(tmp_path, "echo 'Error: the daemon is down' >&2; exit 1")
    with pytest.raises(DeployerError) as caught:
        _tofu.adopt(one, tmp_path, {"lxd_instance.this": "i"})
    assert "the daemon is down" in caught.value.cause


# -- plans ----------------------------------------------------------------------------------------------------------


def test_the_actions_of_a_plan() -> None:
    changes = _tofu.changes_of(
        {
            "resource_changes": [
                change("lxd_profile.a", "create"),
                change("lxd_profile.b", "update"),
                change("lxd_instance.c", "delete", "create"),
                change("lxd_instance.d", "create", "delete"),
                change("module.m.lxd_volume.e[0]", "delete"),
                change("lxd_instance.f", "no-op"),
                change("data.lxd_image.g", "read"),
            ],
            "planned_values": {
                "outputs": {
                    "ipv4_address": {"sensitive": False, "value": "192.0.2.1"},
                    "token": {"sensitive": True, "value": "hidden"},
                    "unknown": {"sensitive": False},
                }
            },
        }
    )
    assert changes == Changes(
        create=("lxd_profile.a",),
        update=("lxd_profile.b",),
        replace=("lxd_instance.c", "lxd_instance.d"),
        delete=("module.m.lxd_volume.e[0]",),
        outputs={"ipv4_address": "192.0.2.1"},
    )
    assert changes.any
    assert changes.new_machine()


def test_nothing_to_do() -> None:
    changes = _tofu.changes_of({"resource_changes": [change("lxd_instance.this", "no-op")]})
    assert not changes.any
    assert not changes.new_machine()


def test_losses_are_what_cannot_be_made_again() -> None:
    changes = Changes(delete=("lxd_profile.this", "module.m.lxd_volume.data[0]"), replace=("lxd_instance.this",))
    assert changes.losses() == ("module.m.lxd_volume.data[0]", "lxd_instance.this")
    assert changes.losses(["lxd_instance.this"]) == ("module.m.lxd_volume.data[0]",)
    assert Changes(replace=("lxd_profile.this",)).losses() == ()


def test_a_plan_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    one = program(tmp_path, "echo 'Error: stale plan' >&2; exit 1")
    with pytest.raises(DeployerError) as caught:
        _tofu.read_plan(one.path, tmp_path, "x.tfplan")
    assert caught.value.code == "tofu-plan-unreadable"
    assert "stale plan" in caught.value.cause
