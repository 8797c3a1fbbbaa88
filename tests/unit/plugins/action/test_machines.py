# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions that file a machine, ask before it goes, and forget an environment, in real runs of ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils import _record
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import check
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Host, Record
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBAQdvjHaivLSq0cUsDLgRuBunPE6Nga/t3iyKH0VbsT"
TWO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIBupGuhiTOUxTFGOiSC83/o5B9tfhrt2iIRZ0byJtU0"
ENVIRONMENT = {
    "environment": {"name": "demo"},
    "ssh_credentials": {"private_key_path": "/key", "public_key_path": "/key.pub"},
    "provider": {"provider": "existing"},
    "tracker": {
        "core": {"database": {"driver": "sqlite3", "database_name": "tracker.db"}, "private": False},
        "udp_trackers": [{"bind_address": "0.0.0.0:6969"}],
        "http_trackers": [{"bind_address": "0.0.0.0:7070"}],
        "http_api": {"bind_address": "0.0.0.0:1212", "admin_token": "a-long-enough-token"},
        "health_check_api": {"bind_address": "127.0.0.1:1313"},
    },
}


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    checked = check(ENVIRONMENT, tmp_path)
    assert checked.environment is not None, checked.problems
    store = FileStore(tmp_path / "workspace")
    store.create(Record("demo", "2026-01-02T03:04:05Z", dict(checked.environment.document)), {})
    return store


def play(directory: Path, *tasks: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
    """The exit code, the last result, and all output."""
    listed = [{"name": f"Task {number}", **task} for number, task in enumerate(tasks)]
    content = {"name": "Test", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": listed}
    (directory / "play.yml").write_text(json.dumps([content]))
    done = subprocess.run(
        [str(PLAYBOOK), "play.yml"],
        cwd=directory,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "TORRUST_DEPLOYER_WORKSPACE": "workspace"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(done.stdout[done.stdout.index("{") :])
    last: dict[str, Any] = document["plays"][0]["tasks"][-1]["hosts"]["localhost"]
    return done.returncode, last, done.stdout + done.stderr


def task(name: str, **arguments: Any) -> dict[str, Any]:
    return {f"torrust.deployer.{name}": {"env_name": "demo", **arguments}}


def registered(address: str, key: str, **more: Any) -> dict[str, Any]:
    return task("instance", state="present", method="registered", address=address, host_keys=[key], **more)


def test_a_machine_is_filed_once(tmp_path: Path, store: FileStore) -> None:
    code, result, _output = play(tmp_path, registered("192.0.2.1", ONE, ipv6="2001:db8::1"))
    assert (code, result["changed"]) == (0, True)
    machine = store.load("demo").infrastructure
    assert machine is not None
    assert (machine.ipv4, machine.ipv6, machine.method) == ("192.0.2.1", "2001:db8::1", "registered")
    assert store.file("demo", "known_hosts").read_text() == f"192.0.2.1 {ONE}\n"
    code, result, _output = play(tmp_path, registered("192.0.2.1", ONE, ipv6="2001:db8::1"))
    assert (code, result["changed"]) == (0, False)
    assert store.load("demo").infrastructure == machine


def test_another_machine_may_not_take_the_place_of_one_in_use(tmp_path: Path, store: FileStore) -> None:
    assert play(tmp_path, registered("192.0.2.1", ONE))[0] == 0
    store.update("demo", lambda record: replace(record, host=Host("digest", _record.now())))
    code, result, _output = play(tmp_path, registered("192.0.2.2", TWO))
    assert (code, result["error"]["code"]) == (2, "another-machine-deployed")
    assert store.file("demo", "known_hosts").read_text() == f"192.0.2.1 {ONE}\n"
    code, _result, _output = play(tmp_path, registered("192.0.2.2", ONE))
    assert code == 0
    moved = store.load("demo")
    assert moved.infrastructure is not None
    assert moved.infrastructure.address == "192.0.2.2"
    assert moved.host is not None


def test_a_machine_that_is_needed_must_have_an_address(tmp_path: Path, store: FileStore) -> None:
    code, result, _output = play(tmp_path, task("instance", state="wanted", needed=True))
    assert (code, result["error"]["code"]) == (2, "no-address")
    code, result, _output = play(tmp_path, task("instance", state="wanted", needed=True, address="[2001:db8::1]"))
    assert (code, result["address"], result["method"]) == (0, "2001:db8::1", "registered")


def test_what_was_made_keeps_another_machine_out_and_the_record_in(tmp_path: Path, store: FileStore) -> None:
    state = {"resources": [{"mode": "managed", "type": "lxd_instance", "name": "this", "instances": [{}]}]}
    (store.directory("demo", "tofu") / "terraform.tfstate").write_text(json.dumps(state))
    code, result, _output = play(tmp_path, task("instance", state="wanted", address="192.0.2.1"))
    assert (code, result["error"]["code"]) == (2, "already-provisioned")
    code, result, _output = play(tmp_path, task("purge"))
    assert (code, result["error"]["code"]) == (2, "infrastructure-exists")
    assert "lxd_instance.this" in result["error"]["cause"]
    assert store.exists("demo")


def test_a_machine_that_is_given_up_leaves_no_pinned_key(tmp_path: Path, store: FileStore) -> None:
    code, result, _output = play(tmp_path, registered("192.0.2.1", ONE), task("instance", state="absent"))
    assert (code, result["changed"]) == (0, True)
    assert store.load("demo").infrastructure is None
    assert store.file("demo", "known_hosts").read_bytes() == b""
    assert play(tmp_path, task("instance", state="absent"))[1]["changed"] is False


@pytest.mark.parametrize("answer", [None, "", "Demo", "other"])
def test_only_the_name_confirms(tmp_path: Path, store: FileStore, answer: str | None) -> None:
    given = {} if answer is None else {"confirm": answer}
    code, result, _output = play(tmp_path, task("confirm", verb="purge", **given))
    assert (code, result["error"]["code"]) == (2, "not-confirmed")
    assert "--confirm demo" in result["error"]["next_step"]


def test_nothing_is_asked_where_nothing_goes(tmp_path: Path, store: FileStore) -> None:
    code, result, _output = play(tmp_path, task("confirm", verb="destroy"))
    assert (code, result["goes"]) == (0, [])


def test_what_goes_is_said_first(tmp_path: Path, store: FileStore) -> None:
    asked = task("confirm", verb="destroy", confirm="demo", data="delete")
    code, result, _output = play(tmp_path, registered("192.0.2.1", ONE), asked)
    assert code == 0
    assert "192.0.2.1" in result["goes"][0]
    assert "all data" in result["goes"][0]


def test_purge_removes_the_environment(tmp_path: Path, store: FileStore) -> None:
    code, result, _output = play(tmp_path, task("confirm", verb="purge", confirm="demo"), task("purge"))
    assert (code, result["document"]) == (0, {"environment_name": "demo", "purged": True})
    assert not store.exists("demo")
