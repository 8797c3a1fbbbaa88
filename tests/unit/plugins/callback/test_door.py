# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door: what a run looks like, whatever happens in it. Each test runs a real playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

_ANSIBLE = Path(sys.executable).with_name("ansible-playbook")


def _play(
    directory: Path, tasks: list[dict[str, Any]], *options: str, form: str = "json"
) -> subprocess.CompletedProcess[str]:
    playbook = directory / "release.yml"
    play = {"name": "Play", "hosts": "localhost", "gather_facts": False, "tasks": tasks}
    playbook.write_text(yaml.safe_dump([play]))
    return subprocess.run(
        [_ANSIBLE, "-i", "/dev/null", playbook, *options],
        env={
            **os.environ,
            "ANSIBLE_STDOUT_CALLBACK": "torrust.deployer.door",
            "TORRUST_DEPLOYER_OUTPUT_FORMAT": form,
            "ANSIBLE_VERBOSE_TO_STDERR": "true",
            "ANSIBLE_CONFIG": "",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _report(directory: Path, tasks: list[dict[str, Any]], *options: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(_play(directory, tasks, *options).stdout)
    return report


def _done(name: str, *, changed: bool) -> dict[str, Any]:
    return {"name": name, "ansible.builtin.command": "true", "changed_when": changed}


_FAILS = {"name": "Break", "ansible.builtin.command": "sh -c 'echo last words >&2; exit 3'"}


def test_steps_are_listed_and_changes_are_counted(tmp_path: Path) -> None:
    skipped = {"name": "Skip", "ansible.builtin.command": "true", "when": False}
    arranges = {"name": "Set", "ansible.builtin.set_fact": {"x": 1}}
    report = _report(tmp_path, [_done("One", changed=True), skipped, arranges, _done("Two", changed=False)])
    assert (report["verb"], report["ok"], report["changed"], report["error"]) == ("release", True, 1, None)
    assert [(step["name"], step["changed"]) for step in report["steps"]] == [("One", True), ("Two", False)]
    assert all(step["seconds"] >= 0 for step in report["steps"])


def test_as_text_changes_are_lines_and_the_rest_is_counted(tmp_path: Path) -> None:
    done = _play(tmp_path, [_done("One", changed=True), _done("Two", changed=False)], form="text")
    assert done.stdout.startswith("release: 1 changed, 1 already true (")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("  changed")]
    assert "One" in line
    assert "Two" not in done.stderr


def test_nothing_changed_says_0_changed(tmp_path: Path) -> None:
    assert "release: 0 changed, 1 already true" in _play(tmp_path, [_done("Two", changed=False)], form="text").stdout


def test_a_failed_task_is_an_error_with_the_tools_last_words(tmp_path: Path) -> None:
    report = _report(tmp_path, [_FAILS])
    error = report["error"]
    assert (report["ok"], report["result"], error["code"], error["exit_code"]) == (False, None, "task-failed", 10)
    assert "Break" in error["where"]
    assert "last words" in error["cause"]
    assert error["next_step"]


def test_as_text_an_error_has_no_noise_around_it(tmp_path: Path) -> None:
    done = _play(tmp_path, [_FAILS], form="text")
    assert done.stdout == ""
    assert "error: release failed." in done.stderr
    assert "fatal:" not in done.stderr
    assert "TASK [" not in done.stderr


def test_what_is_ignored_or_rescued_is_no_error(tmp_path: Path) -> None:
    ignored = {**_FAILS, "ignore_errors": True}
    rescued = {"block": [_FAILS], "rescue": [_done("Mend", changed=True)]}
    report = _report(tmp_path, [ignored, rescued])
    assert (report["ok"], report["error"]) == (True, None)


def test_the_last_failure_is_the_one_that_is_told(tmp_path: Path) -> None:
    again = {"name": "Say", "ansible.builtin.fail": {"msg": "in other words"}}
    report = _report(tmp_path, [{"block": [_FAILS], "rescue": [again]}])
    assert report["error"]["cause"] == "in other words"


def test_an_unreachable_host_is_told_apart(tmp_path: Path) -> None:
    gone = {
        "name": "Reach",
        "ansible.builtin.ping": {},
        "delegate_to": "gone",
        "vars": {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_connection": "ssh"},
    }
    error = _report(tmp_path, [gone])["error"]
    assert (error["code"], error["exit_code"]) == ("host-unreachable", 9)


def test_a_dry_run_says_would(tmp_path: Path) -> None:
    tasks = [{"name": "Write", "ansible.builtin.copy": {"content": "x", "dest": str(tmp_path / "file")}}]
    done = _play(tmp_path, tasks, "--check", form="text")
    assert "1 would be changed" in done.stdout
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("verbosity", ["-v", "-vvv"])
def test_verbose_output_keeps_standard_output_clean(tmp_path: Path, verbosity: str) -> None:
    done = _play(tmp_path, [_done("One", changed=True)], verbosity)
    assert json.loads(done.stdout)["ok"] is True
    assert "changed: [localhost] One" in done.stderr


def test_a_result_of_no_log_is_not_shown(tmp_path: Path) -> None:
    secret = {"name": "Hide", "ansible.builtin.command": "echo hunter2", "no_log": True, "changed_when": True}
    broken = {"name": "Hide too", "ansible.builtin.command": "sh -c 'echo hunter2; exit 1'", "no_log": True}
    done = _play(tmp_path, [secret, broken], "-vvv")
    assert "hunter2" not in done.stdout
    assert "hunter2" not in done.stderr


def test_the_result_of_a_verb_is_the_documents_result(tmp_path: Path) -> None:
    tasks = [{"name": "List", "torrust.deployer.list": {"workspace": str(tmp_path / "workspace")}}]
    assert _report(tmp_path, tasks)["result"] == {"environments": [], "total_count": 0, "unreadable": []}
    assert "There is no environment yet." in _play(tmp_path, tasks, form="text").stdout


def test_an_error_of_ours_keeps_its_code_and_next_step(tmp_path: Path) -> None:
    tasks = [{"name": "Show", "torrust.deployer.show": {"workspace": str(tmp_path), "env_name": "nobody"}}]
    error = _report(tmp_path, tasks)["error"]
    assert (error["code"], error["exit_code"]) == ("environment-not-found", 4)
    assert "list" in error["next_step"]
