# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command as scripts and people call it: words, streams, exit codes, JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from torrust_tracker_deployer import _playbook, main
from torrust_tracker_deployer._arguments import UsageError, parse

_FILE: dict[str, Any] = {
    "environment": {"name": "demo"},
    "ssh_credentials": {"private_key_path": "/keys/id", "public_key_path": "/keys/id.pub"},
    "provider": {"provider": "existing"},
    "tracker": {
        "core": {"database": {"driver": "sqlite3", "database_name": "tracker.db"}, "private": False},
        "udp_trackers": [{"bind_address": "0.0.0.0:6969"}],
        "http_trackers": [],
        "http_api": {"bind_address": "127.0.0.1:1212", "admin_token": "hunter2-hunter2-hunter2"},
    },
}


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORRUST_DEPLOYER_WORKSPACE", str(tmp_path / "workspace"))
    path = tmp_path / "env.json"
    path.write_text(json.dumps(_FILE))
    return path


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def _report(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    status, out, _err = _run(capsys, *words, "--json")
    return status, json.loads(out)


# -- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "create environment --env-file f.json",
        "create environment -f f.json",
        "create schema",
        "create schema out.json",
        "validate --env-file f.json",
        "render --env-file f.json --instance-ip 10.0.0.1 --output-dir out",
        "render --env-name demo --instance-ip 10.0.0.1 -o out --force",
        "provision demo",
        "register demo --instance-ip 10.0.0.1",
        "register demo --instance-ip 10.0.0.1 --ssh-port 2222",
        "configure demo",
        "release demo",
        "run demo",
        "test demo",
        "show demo",
        "exists demo",
        "list",
        "destroy demo",
        "purge demo --force",
        "--working-dir /w --output-format json list",
        "list --working-dir /w --output-format text -vv",
        "deploy demo",
        "deploy --env-file f.json",
    ],
)
def test_upstreams_command_lines_and_ours_are_understood(line: str) -> None:
    assert parse(line.split()).verb in line.split()


def test_options_mean_the_same_before_and_after_the_verb() -> None:
    before = parse(["--working-dir", "/w", "--json", "-v", "show", "demo"])
    after = parse(["show", "demo", "--working-dir", "/w", "--json", "-v"])
    assert vars(before) == vars(after)
    assert (before.working_dir, before.output_format, before.verbose) == ("/w", "json", 1)
    plain = parse(["list"])
    assert (plain.working_dir, plain.output_format, plain.verbose) == (None, "text", 0)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("shw demo", "did you mean 'show'?"),
        ("list --jsn", "did you mean --json?"),
        ("render --env-file f --instance-ip 1.2.3.4 --output-dri o", "--output-dir"),
        ("deploy", "name of an environment or an env file"),
        ("deploy demo --env-file f", "either"),
        ("show", "NAME"),
        ("show a b", "'b' is one word too many"),
        ("create", "WHAT"),
        ("create enviroment --env-file f", "did you mean 'environment'?"),
        ("render --instance-ip 1.2.3.4 --output-dir o", "--env-file"),
        ("list --output-format yaml", "text, json"),
        ("register demo --ssh-port x", "--ssh-port"),
    ],
)
def test_wrong_words_say_what_to_write(capsys: pytest.CaptureFixture[str], line: str, hint: str) -> None:
    with pytest.raises(UsageError):
        parse(line.split())
    status, out, err = _run(capsys, *line.split())
    assert (status, out) == (2, "")
    assert hint in err
    assert "  next:  " in err


def test_wrong_words_are_a_document_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, report = _report(capsys, "shw")
    assert status == 2
    assert (report["ok"], report["error"]["code"], report["error"]["exit_code"]) == (False, "usage", 2)


def test_without_a_verb_it_says_how_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _err = _run(capsys)
    assert status == 0
    assert "deploy --env-file FILE" in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    galaxy = yaml.safe_load((Path(__file__).parents[3] / "galaxy.yml").read_text())
    assert _run(capsys, "--version") == (0, f"torrust-tracker-deployer {galaxy['version']}\n", "")


# -- pure verbs ---------------------------------------------------------------------------------------------------


def test_from_nothing_to_a_record_and_back(env_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _report(capsys, "list")[1]["result"]["environments"] == []
    assert _run(capsys, "exists", "demo") == (0, "false\n", "")
    status, report = _report(capsys, "create", "environment", "--env-file", str(env_file))
    assert (status, report["ok"], report["changed"], report["environment"]) == (0, True, 1, "demo")
    assert report["result"]["instance_name"] == "torrust-tracker-vm-demo"
    assert _report(capsys, "create", "environment", "--env-file", str(env_file))[1]["changed"] == 0
    assert _run(capsys, "exists", "demo", "--json") == (0, "true\n", "")
    status, report = _report(capsys, "show", "demo")
    assert report["result"]["state"] == "created"
    assert report["result"]["next_step"] == "torrust-tracker-deployer register demo --instance-ip ADDRESS"
    assert _report(capsys, "list")[1]["result"]["environments"][0]["name"] == "demo"


def test_every_document_has_the_same_shape(env_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {"schema_version", "verb", "environment", "ok", "changed", "steps", "result", "error"}
    for words in (
        ["list"],
        ["validate", "--env-file", str(env_file)],
        ["create", "environment", "--env-file", str(env_file)],
        ["show", "nobody"],
        ["validate", "--env-file", "/no/such/file"],
    ):
        status, report = _report(capsys, *words)
        assert set(report) == keys
        assert report["schema_version"] == 1
        assert report["verb"] == words[0]
        assert (report["error"] is None) == report["ok"] == (status == 0)
        assert (report["result"] is None) != report["ok"]


def test_three_mistakes_are_three_problems_and_exit_code_3(env_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = {**_FILE, "environment": {"name": "De mo"}, "caddy": {}, "provider": {"provider": "lxc"}}
    env_file.write_text(json.dumps(broken))
    status, report = _report(capsys, "create", "environment", "--env-file", str(env_file))
    assert status == 3
    assert [problem["path"] for problem in report["error"]["problems"]] == [
        "environment.name",
        "provider.provider",
        "caddy",
    ]
    status, out, err = _run(capsys, "validate", "--env-file", str(env_file))
    assert (status, out) == (3, "")
    assert err.count("fix: ") == 3
    assert not (env_file.parent / "workspace").exists()


def test_warnings_go_to_standard_error_and_the_result_to_standard_output(
    env_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = _run(capsys, "validate", "--env-file", str(env_file))
    assert status == 0
    assert out.startswith(f"{env_file} is valid")
    assert "key-file-missing" in err
    assert _run(capsys, "validate", "--strict", "--env-file", str(env_file))[0] == 3


def test_no_verb_prints_a_secret(env_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        f"validate --env-file {env_file}",
        f"create environment --env-file {env_file}",
        "show demo --plan",
        "show demo",
        f"render --env-file {env_file} --instance-ip 10.0.0.1 --output-dir {tmp_path / 'one'}",
        f"render --env-name demo --instance-ip fd00::1 --output-dir {tmp_path / 'two'}",
    ]
    for line in lines:
        for extra in ([], ["--json"]):
            _status, out, err = _run(capsys, *line.split(), *extra)
            assert "hunter2" not in out + err


def test_a_relative_env_file_is_the_callers(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(env_file.parent)
    assert _report(capsys, "validate", "--env-file", "env.json")[1]["result"]["config_file"] == str(env_file)


def test_the_schema_is_printed_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _status, out, _err = _run(capsys, "create", "schema")
    assert json.loads(out)["title"]
    assert _run(capsys, "create", "schema", str(tmp_path / "schema.json"))[0] == 0
    assert (tmp_path / "schema.json").read_text() == out
    assert _run(capsys, "create", "schema", str(tmp_path))[0] == 5


@pytest.mark.parametrize(
    ("line", "status"),
    [("show nobody", 4), ("show Not_Legal", 2), ("exists Not_Legal", 2), ("validate --env-file /no/file", 4)],
)
def test_exit_codes(env_file: Path, capsys: pytest.CaptureFixture[str], line: str, status: int) -> None:
    assert _run(capsys, *line.split())[0] == status


def test_list_imports_neither_ansible_nor_the_validator() -> None:
    code = (
        "import sys; from torrust_tracker_deployer import main; main(['list']); "
        "print([name for name in ('ansible', 'jsonschema', 'rich', 'yaml', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_has_gone_is_no_error(env_file: Path) -> None:
    command = [sys.executable, "-m", "torrust_tracker_deployer", "create", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


# -- verbs that run a playbook ------------------------------------------------------------------------------------


def test_arguments_of_a_playbook_are_those_that_were_given(tmp_path: Path) -> None:
    options = parse(
        ["deploy", "--env-file", "env.yml", "--strict", "--replace", "a.b", "--replace", "c.d", "--working-dir", "w"]
    )
    assert _playbook.extra_vars(options, tmp_path) == {
        "env_file": str(tmp_path / "env.yml"),
        "workspace": str(tmp_path / "w"),
        "strict": True,
        "replace": ["a.b", "c.d"],
    }
    assert _playbook.extra_vars(parse(["run", "demo"]), tmp_path) == {"env_name": "demo"}
    register = parse(["register", "demo", "--instance-ip", "::1", "--ssh-port", "22", "--take-over"])
    assert _playbook.extra_vars(register, tmp_path) == {
        "env_name": "demo",
        "instance_ip": "::1",
        "ssh_port": 22,
        "take_over": True,
    }


def test_purge_with_force_confirms_itself_and_destroy_never(tmp_path: Path) -> None:
    assert _playbook.extra_vars(parse(["purge", "demo", "--force"]), tmp_path)["confirm"] == "demo"
    assert "confirm" not in _playbook.extra_vars(parse(["purge", "demo"]), tmp_path)
    assert "confirm" not in _playbook.extra_vars(parse(["destroy", "demo"]), tmp_path)
    with pytest.raises(UsageError):
        parse(["destroy", "demo", "--force"])


def test_every_argument_that_is_passed_is_one_of_the_playbook() -> None:
    lines = {
        "deploy": "deploy demo --replace x --take-over --strict --wait-timeout 9 --probe-timeout 1.5",
        "provision": "provision demo --replace x --take-over --wait-timeout 9 --accept-host-key SHA256:x",
        "register": "register demo --instance-ip ::1 --ssh-port 22 --take-over --wait-timeout 9 --accept-host-key x",
        "configure": "configure demo --take-over",
        "release": "release demo --take-over",
        "run": "run demo --take-over --wait-timeout 9",
        "test": "test demo --take-over --probe-timeout 1.5",
        "destroy": "destroy demo --confirm demo --data delete --forget --take-over",
        "purge": "purge demo --force --take-over",
    }
    playbooks = Path(__file__).parents[3] / "playbooks"
    for verb, line in lines.items():
        known = yaml.safe_load((playbooks / f"{verb}.meta.yml").read_text())["argument_specs"][verb]["options"]
        passed = _playbook.extra_vars(parse([*line.split(), "--working-dir", "/w"]), Path("/"))
        assert set(passed) <= set(known), verb


def test_ansible_finds_this_collection_first_and_the_users_as_well(tmp_path: Path) -> None:
    options = parse(["run", "demo"])
    given = _playbook.settings(options, {"ANSIBLE_COLLECTIONS_PATH": "/theirs"}, tmp_path)
    assert given["ANSIBLE_COLLECTIONS_PATH"] == f"{tmp_path}:/theirs"
    assert Path(given["ANSIBLE_CONFIG"]).is_file()
    assert _playbook.settings(options, {"ANSIBLE_CONFIG": "/my.cfg"}, tmp_path)["ANSIBLE_CONFIG"] == "/my.cfg"


def _command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "torrust_tracker_deployer", *words],
        cwd=cwd,
        env={**os.environ, "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_tasks", "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_refused_verb_has_its_exit_code_its_text_and_no_noise(env_file: Path, tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text(
        "[defaults]\nstdout_callback = nothing.such.there\ncollections_path = /nope\n"
    )
    assert _command("create", "environment", "--env-file", str(env_file), cwd=tmp_path).returncode == 0
    done = _command("run", "demo", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.splitlines()[0] == "error: The environment has no instance yet."
    assert "  next:  torrust-tracker-deployer register demo" in done.stderr
    assert "WARNING" not in done.stderr
    as_json = _command("run", "demo", "--json", cwd=tmp_path)
    assert json.loads(as_json.stdout)["error"]["code"] == "no-instance"
    assert as_json.returncode == 5
    assert _command("run", "nobody", cwd=tmp_path).returncode == 4


def test_a_dry_deploy_of_a_new_file_lists_what_comes(env_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report = _report(capsys, "deploy", "--env-file", str(env_file), "--dry-run")
    assert (status, report["changed"]) == (0, 1)
    assert report["result"]["after_create"] == ["provision", "configure", "release", "run", "test"]
    assert not (env_file.parent / "workspace").exists()
    env_file.write_text("{}")
    assert _run(capsys, "deploy", "--env-file", str(env_file), "--dry-run")[0] == 3


def test_a_dry_deploy_of_a_known_file_goes_to_ansible(env_file: Path, tmp_path: Path) -> None:
    assert _command("create", "environment", "--env-file", str(env_file), cwd=tmp_path).returncode == 0
    done = _command("deploy", "--env-file", str(env_file), "--dry-run", "--json", cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["environment"] == "demo"


def test_with_v_ansible_speaks_on_standard_error_only(env_file: Path, tmp_path: Path) -> None:
    done = _command("run", "nobody", "--json", "-vvv", cwd=tmp_path)
    assert json.loads(done.stdout)["error"]["code"] == "environment-not-found"
    assert "Open the environment" in done.stderr
