# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action in real runs of ansible-playbook: its worker, its rescue, its death."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils import _lease
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Record, label
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
SECRET = "hunter22/and+more"
Task = dict[str, Any]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "workspace")
    store.create(Record("demo", "2026-01-02T03:04:05Z", {}), {"token": SECRET})
    return store


def _operation(state: str, verb: str = "release", **more: Any) -> Task:
    arguments = {"environment": "demo", "verb": verb, "state": state, "workspace": "workspace", **more}
    return {"name": f"Do {state}", "torrust.deployer.operation": arguments}


def _command(directory: Path, tasks: list[Task], *options: str) -> list[str]:
    play = {"name": "Test", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    (directory / "play.yml").write_text(json.dumps([play]))
    return [str(PLAYBOOK), "play.yml", "-v", *options]


def _environment(directory: Path) -> dict[str, str]:
    return {
        **os.environ,
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_LOCAL_TEMP": str(directory / "ansible"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
    }


def _play(directory: Path, tasks: list[Task], *options: str) -> subprocess.CompletedProcess[str]:
    command = _command(directory, tasks, *options)
    return subprocess.run(
        command, cwd=directory, env=_environment(directory), capture_output=True, text=True, check=False
    )


def test_an_operation_spans_the_workers_of_one_run(tmp_path: Path, store: FileStore) -> None:
    done = _play(
        tmp_path,
        [
            _operation("begin", "deploy"),
            _operation("begin"),
            _operation("phase", phase="upload"),
            _operation("finish", changed=True),
            _operation("finish", "deploy"),
        ],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout
    assert SECRET not in done.stdout
    record = store.load("demo")
    assert [(entry.verb, entry.outcome, entry.changed) for entry in record.history] == [("deploy", "succeeded", True)]
    assert store.lease("demo") is None


def test_a_failed_task_becomes_one_message_without_secrets(tmp_path: Path, store: FileStore) -> None:
    failing = {"name": "Break", "ansible.builtin.fail": {"msg": f"curl: refused {SECRET}"}, "no_log": False}
    block = [_operation("begin"), _operation("phase", phase="upload"), failing]
    done = _play(tmp_path, [{"name": "Work", "block": block, "rescue": [_operation("fail")]}])
    assert done.returncode == 2
    record = store.load("demo")
    assert label(record, False) == "release failed in upload"
    error = record.history[-1].error
    assert error is not None
    assert error.code == "task-failed"
    assert store.lease("demo") is None
    said = done.stdout[done.stdout.index("TASK [Do fail]") :] + done.stderr
    assert "curl: refused ***" in said
    assert "task 'Break'" in said
    assert "torrust-tracker-deployer release demo" in said
    assert SECRET not in said


def test_a_run_that_finds_it_busy_leaves_it_alone(tmp_path: Path, store: FileStore) -> None:
    _lease.acquire(store, "demo", "provision")
    before = store.load("demo")
    work = [{"name": "Work", "block": [_operation("begin")], "rescue": [_operation("fail")]}]
    done = _play(tmp_path, work)
    assert done.returncode == 2
    assert "is busy: provision" in done.stdout
    assert store.load("demo") == before
    assert _lease.held_by(store, "demo") is not None


def test_check_mode_writes_nothing(tmp_path: Path, store: FileStore) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.workspace.rglob("*")}
    failing = {"name": "Break", "ansible.builtin.fail": {"msg": "no"}}
    tasks = [_operation("begin"), _operation("phase", phase="upload"), _operation("finish")]
    rescue = [{"name": "Work", "block": [failing], "rescue": [_operation("fail")]}]
    done = _play(tmp_path, [*tasks, *rescue], "--check")
    assert done.returncode == 2
    assert "release failed." in done.stdout
    assert {path: path.stat().st_mtime_ns for path in store.workspace.rglob("*")} == before


def test_a_killed_run_is_interrupted_and_taken_over(tmp_path: Path, store: FileStore) -> None:
    """Killed as by a machine that runs out of memory, while its worker waits at a FIFO."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    waiting = {"name": "Wait", "ansible.builtin.set_fact": {"x": "{{ lookup('ansible.builtin.file', 'fifo') }}"}}
    begin = [_operation("begin"), _operation("phase", phase="upload")]
    command = _command(tmp_path, [*begin, waiting])
    with (
        subprocess.Popen(command, cwd=tmp_path, env=_environment(tmp_path), stdout=subprocess.DEVNULL) as run,
        # Opening the FIFO waits for the worker to open it, which is after the phase was marked.
        fifo.open("w"),
    ):
        record = store.load("demo")
        assert record.operation is not None
        assert record.operation.holder.pid == run.pid
        assert label(record, _lease.may_live(record.operation.holder)) == "release running in upload"
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        assert label(record, _lease.may_live(record.operation.holder)) == "release interrupted in upload"
    done = _play(tmp_path, [_operation("begin", "run"), _operation("finish", "run")])
    assert done.returncode == 0, done.stdout
    assert "interrupted" in done.stdout
    assert [(entry.verb, entry.outcome) for entry in store.load("demo").history] == [
        ("release", "interrupted"),
        ("run", "succeeded"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"state": "phase"}, "phase"),
        ({"state": "begin", "surprise": 1}, "surprise"),
        ({"state": "begin", "environment": "../demo"}, "cannot be the name"),
        ({"state": "begin", "environment": "absent"}, "There is no environment"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, store: FileStore, arguments: dict[str, Any], said: str) -> None:
    state = arguments.pop("state")
    done = _play(tmp_path, [_operation(state, **arguments)])
    assert done.returncode == 2
    assert said in done.stdout + done.stderr
