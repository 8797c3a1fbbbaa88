# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""validate, create, render, show and list, on a real store."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.torrust.deployer.plugins.plugin_utils import _operation, _render, _show, _verbs
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import (
    Failure,
    Release,
    Verdict,
    destroyed,
    with_infrastructure,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._secrets import GENERATED_LATER
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

from .env_files import REMOVED, env_file
from .records import MACHINE

_TOKEN = "tracker.http_api.admin_token"
# Quotes, shell, Jinja, format strings and JSON at once.
_HOSTILE = "\x27\x22`$(id)${HOME}{{ lookup(1) }}%s\\;#"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "workspace")


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "id").write_text("private")
    (tmp_path / "id.pub").write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4 me\n"
    )
    return {
        "ssh_credentials__private_key_path": str(tmp_path / "id"),
        "ssh_credentials__public_key_path": str(tmp_path / "id.pub"),
    }


def _write(directory: Path, name: str = "env.json", **changes: Any) -> Path:
    path = directory / name
    path.write_text(json.dumps(env_file(**changes)))
    return path


def _create(store: FileStore, path: Path, **options: Any) -> Any:
    return _verbs.create(store, path, {}, **options)


def _refused(store: FileStore, path: Path) -> DeployerError:
    with pytest.raises(DeployerError) as caught:
        _create(store, path)
    return caught.value


# -- validate -----------------------------------------------------------------------------------------------------


def test_validate_says_what_it_is_and_what_next(tmp_path: Path) -> None:
    path = _write(tmp_path)
    outcome = _verbs.validate(path)
    assert outcome.document["is_valid"] is True
    assert outcome.document["environment_name"] == "demo"
    assert {problem["severity"] for problem in outcome.document["problems"]} == {"warning"}
    assert f"create environment --env-file {path}" in outcome.text
    assert list(tmp_path.glob("workspace*")) == []


def test_validate_gives_all_problems_at_once(tmp_path: Path) -> None:
    path = _write(tmp_path, environment__name="X", caddy={}, provider__provider="lxc")
    with pytest.raises(DeployerError) as caught:
        _verbs.validate(path)
    error = caught.value
    assert error.exit_code == ExitCode.INVALID_ENVIRONMENT
    assert "3 problems" in error.message
    assert [problem["path"] for problem in error.document()["problems"]] == [
        "environment.name",
        "provider.provider",
        "caddy",
    ]


def test_strict_makes_warnings_errors(tmp_path: Path, keys: dict[str, str]) -> None:
    clean = _write(tmp_path, **keys)
    assert _verbs.validate(clean, strict=True).warnings == ()
    with pytest.raises(DeployerError, match="1 problem"):
        _verbs.validate(_write(tmp_path, **keys, tracker__http_api__bind_address="0.0.0.0:1212"), strict=True)


# -- create -------------------------------------------------------------------------------------------------------


def test_create_twice_changes_nothing(tmp_path: Path, store: FileStore) -> None:
    path = _write(tmp_path)
    assert _create(store, path).changed is True
    before = (store.load("demo"), store.secrets("demo"))
    assert _create(store, path).changed is False
    assert (store.load("demo"), store.secrets("demo")) == before


def test_yaml_and_json_are_the_same_environment(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path))
    again = tmp_path / "env.yml"
    again.write_text(yaml.safe_dump(env_file()))
    assert _create(store, again).changed is False


def test_a_missing_token_is_generated_once_and_kept(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path))
    token = store.secrets("demo")[_TOKEN]
    assert len(token) >= 32
    _create(store, _write(tmp_path, tracker__core__private=True))
    assert store.secrets("demo")[_TOKEN] == token


def test_a_secret_is_in_the_store_and_nowhere_else(tmp_path: Path, store: FileStore) -> None:
    outcome = _create(store, _write(tmp_path, tracker__http_api__admin_token=_HOSTILE))
    assert store.secrets("demo")[_TOKEN] == _HOSTILE
    changed = _create(store, _write(tmp_path, tracker__http_api__admin_token=_HOSTILE + "2"))
    assert store.secrets("demo")[_TOKEN] == _HOSTILE + "2"
    shown = repr(outcome) + repr(changed) + repr(store.load("demo")) + repr(_show.show(store, "demo", with_plan=True))
    assert "lookup(1)" not in shown
    files = [path for path in store.workspace.rglob("*") if path.is_file() and b"lookup(1)" in path.read_bytes()]
    assert [path.name for path in files] == ["secrets.json"]


def test_a_change_is_shown_key_by_key_with_its_effect(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path))
    outcome = _create(
        store,
        _write(
            tmp_path,
            environment__description="new",
            tracker__udp_trackers__1={"bind_address": "0.0.0.0:6970"},
            tracker__http_api__admin_token="x" * 20,
        ),
    )
    assert [
        (change["path"], change["old"], change["new"], change["how"]) for change in outcome.document["changes"]
    ] == [
        ("environment.description", "", '"new"', "live"),
        ("tracker.udp_trackers[1].bind_address", "", '"0.0.0.0:6970"', "recreates"),
        (_TOKEN, "(secret)", "(secret)", "recreates"),
    ]
    assert store.load("demo").environment["environment"]["description"] == "new"
    past = store.load("demo").history[-1]
    assert (past.verb, past.outcome, past.changed) == ("create", "succeeded", True)


def test_before_anything_exists_everything_may_change(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path))
    assert _create(store, _write(tmp_path, provider={"provider": "existing"})).changed is True


@pytest.mark.parametrize(
    ("changes", "path", "how"),
    [
        ({"provider": {"provider": "existing"}}, "provider.provider", "never"),
        ({"ssh_credentials__username": "other"}, "ssh_credentials.username", "never"),
        ({"tracker__core__database__database_name": "other.db"}, "tracker.core.database.database_name", None),
    ],
)
def test_what_cannot_take_effect_is_refused_with_the_way(
    tmp_path: Path, store: FileStore, changes: dict[str, Any], path: str, how: str | None
) -> None:
    _create(store, _write(tmp_path))
    store.update("demo", lambda record: with_infrastructure(record, MACHINE))
    before = store.load("demo")
    error = _refused(store, _write(tmp_path, **changes))
    assert (error.code, error.exit_code) == ("change-refused", ExitCode.REFUSED)
    refused = {change["path"]: change["how"] for change in error.document()["changes"]}
    assert path in refused
    assert how is None or refused[path] == how
    assert "put the old value" in error.next_step
    assert store.load("demo") == before


def test_after_destroy_everything_may_change_again(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path))
    store.update("demo", lambda record: destroyed(with_infrastructure(record, MACHINE), "2026-01-01T00:00:00Z"))
    assert _create(store, _write(tmp_path, ssh_credentials__username="other")).changed is True


def test_a_failed_provision_may_have_left_something(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path))
    _operation.begin(store, "demo", "provision")
    _operation.fail(store, "demo", Failure("x", "failed", "again"))
    assert _refused(store, _write(tmp_path, ssh_credentials__username="other")).code == "change-refused"


def test_a_wrong_file_creates_nothing(tmp_path: Path, store: FileStore) -> None:
    assert _refused(store, _write(tmp_path, caddy={})).code == "invalid-environment"
    assert (
        _refused(store, _write(tmp_path, tracker__http_api__admin_token={"env": "NOPE"})).code == "secret-unavailable"
    )
    assert not store.workspace.exists()


def test_a_dry_run_writes_nothing(tmp_path: Path, store: FileStore) -> None:
    assert _create(store, _write(tmp_path), check_mode=True).changed is True
    assert not store.workspace.exists()
    _create(store, _write(tmp_path))
    before = (store.load("demo"), store.secrets("demo"))
    outcome = _create(store, _write(tmp_path, tracker__core__private=True), check_mode=True)
    assert outcome.changed is True
    assert [change["path"] for change in outcome.document["changes"]] == ["tracker.core.private"]
    assert (store.load("demo"), store.secrets("demo")) == before


@pytest.mark.parametrize("same", [True, False])
def test_of_many_creators_at_once_one_makes_it(tmp_path: Path, store: FileStore, same: bool) -> None:
    command = [sys.executable, "-m", "torrust_tracker_deployer", "--working-dir", str(store.workspace), "--json"]
    processes = [
        subprocess.Popen(
            [
                *(*command, "create", "environment", "--env-file"),
                str(_write(tmp_path, f"{number}.json", environment__description="same" if same else str(number))),
            ],
            stdout=subprocess.PIPE,
        )
        for number in range(4)
    ]
    reports = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert any(report["ok"] and report["changed"] for report in reports)
    if same:
        assert sorted(report["changed"] for report in reports) == [0, 0, 0, 1]
    # The others either lose the race, or come later and apply their difference, one at a time.
    codes = {report["error"]["code"] for report in reports if not report["ok"]}
    assert codes <= {"environment-exists", "environment-busy"}
    assert len(store.secrets("demo")[_TOKEN]) >= 32


# -- show and list ------------------------------------------------------------------------------------------------


def test_an_empty_workspace_is_an_empty_list(store: FileStore) -> None:
    outcome = _show.list_all(store)
    assert outcome.document == {"environments": [], "total_count": 0, "unreadable": []}
    assert "create environment" in outcome.text


def test_list_is_sorted_and_reports_what_it_cannot_read(tmp_path: Path, store: FileStore) -> None:
    for name in ("zeta", "alpha", "mid"):
        _create(store, _write(tmp_path, environment__name=name))
    (store.workspace / "data" / "mid" / "record.json").write_text("{")
    store.update("zeta", lambda record: with_infrastructure(record, MACHINE))
    document = _show.list_all(store).document
    assert [(row["name"], row["state"], row["address"]) for row in document["environments"]] == [
        ("alpha", "created", None),
        ("zeta", "provisioned", "10.0.0.2"),
    ]
    assert [(each["name"], each["code"]) for each in document["unreadable"]] == [("mid", "record-corrupt")]
    assert "mid cannot be read" in _show.list_all(store).warnings[0]


def test_show_of_a_running_tracker(tmp_path: Path, store: FileStore) -> None:
    _create(
        store,
        _write(
            tmp_path,
            tracker__udp_trackers__0={"bind_address": "[::]:6969", "domain": "t.example.org"},
        ),
    )
    release = Release("abcdef012345", "2026-01-01T00:00:00Z")
    verdict = Verdict(True, "2026-01-01T00:01:00Z")
    store.update(
        "demo",
        lambda record: replace(with_infrastructure(record, MACHINE), release=release, running=release, verdict=verdict),
    )
    outcome = _show.show(store, "demo")
    assert outcome.document["state"] == "running"
    assert [entry["url"] for entry in outcome.document["urls"]] == [
        "udp://t.example.org:6969/announce",
        "udp://10.0.0.2:6969/announce",
        "udp://[fd00::2]:6969/announce",
        "http://10.0.0.2:7070/announce",
        "http://127.0.0.1:1212/api/v1",
    ]
    assert "ssh -i /keys/id -p 22 torrust@10.0.0.2" in outcome.text
    assert "-N -L 1212:127.0.0.1:1212" in outcome.text
    assert "passed" in outcome.text
    assert "torrust/tracker:3.0.0" in outcome.text
    assert outcome.text.splitlines()[-1] == "  next:  torrust-tracker-deployer test demo"


def test_show_of_a_failure_says_what_and_what_next(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path))
    _operation.begin(store, "demo", "provision")
    _operation.phase(store, "demo", "apply")
    _operation.fail(store, "demo", Failure("tofu-failed", "OpenTofu failed.", "mend it"))
    outcome = _show.show(store, "demo")
    assert outcome.document["state"] == "provision failed in apply"
    assert outcome.document["last_failure"]["code"] == "tofu-failed"
    assert "OpenTofu failed." in outcome.text
    assert outcome.document["next_step"] == "torrust-tracker-deployer provision demo"


def test_show_names_who_is_at_work(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path))
    _operation.begin(store, "demo", "provision")
    document = _show.show(store, "demo").document
    assert document["operation"]["alive"] is True
    assert document["state"].startswith("provision running")


def test_show_with_plan_is_the_plan(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path))
    outcome = _show.show(store, "demo", with_plan=True)
    assert json.loads(outcome.text) == json.loads(json.dumps(outcome.document["plan"]))
    assert outcome.document["plan"]["environment"] == "demo"


def test_an_unknown_environment_is_not_found_with_the_nearest_name(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path))
    with pytest.raises(DeployerError, match="Did you mean 'demo'") as caught:
        _show.show(store, "dema")
    assert caught.value.exit_code == ExitCode.NOT_FOUND


# -- render -------------------------------------------------------------------------------------------------------


def _tree(output: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(output)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in sorted(output.rglob("*"))
        if path.is_file()
    }


def test_render_of_a_file_persists_nothing_and_shows_placeholders(tmp_path: Path, keys: dict[str, str]) -> None:
    output = tmp_path / "out"
    outcome = _render.render_file(_write(tmp_path, **keys), "2001:db8::7", output, {})
    tree = _tree(output)
    assert set(outcome.document["files"]) == set(tree) - {_render.LISTING}
    assert {"tracker/tracker.toml", "docker-compose/docker-compose.yml", "docker-compose/.env"} <= set(tree)
    assert {"tofu/lxd/main.tf", "ansible/inventory.yml"} <= set(tree)
    assert GENERATED_LATER.encode() in tree["docker-compose/.env"][0]
    assert any("placeholder" in warning for warning in outcome.warnings)
    assert yaml.safe_load(tree["ansible/inventory.yml"][0])["torrust_instance"]["hosts"]["demo"]["ansible_host"] == (
        "2001:db8::7"
    )
    assert tree["docker-compose/.env"][1] == 0o600
    assert stat.S_IMODE(output.stat().st_mode) == 0o700


def test_render_is_the_same_every_time(tmp_path: Path, keys: dict[str, str]) -> None:
    path = _write(tmp_path, **keys)
    for name in ("one", "two"):
        _render.render_file(path, "10.0.0.1", tmp_path / name, {})
    assert _tree(tmp_path / "one") == _tree(tmp_path / "two")


def test_render_of_an_environment_has_its_real_secrets(tmp_path: Path, store: FileStore, keys: dict[str, str]) -> None:
    _create(store, _write(tmp_path, **keys))
    _render.render_environment(store, "demo", "10.0.0.1", tmp_path / "out")
    assert store.secrets("demo")[_TOKEN].encode() in _tree(tmp_path / "out")["docker-compose/.env"][0]


def test_render_without_the_key_file_says_so_in_its_place(tmp_path: Path) -> None:
    outcome = _render.render_file(_write(tmp_path), "10.0.0.1", tmp_path / "out", {})
    assert any("key-file-missing" in warning for warning in outcome.warnings)
    assert b"PUBLIC-KEY-OF /keys/id.pub" in b"".join(content for content, _mode in _tree(tmp_path / "out").values())


def test_an_existing_directory_is_refused_before_anything(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    with pytest.raises(DeployerError, match="exists already") as caught:
        _render.render_file(tmp_path / "no such file", "10.0.0.1", output, {})
    assert "--force" in caught.value.next_step
    assert list(output.iterdir()) == []


@pytest.mark.parametrize("address", ["host", "10.0.0.1:22", "", "300.1.1.1"])
def test_a_wrong_address_makes_no_directory(tmp_path: Path, address: str) -> None:
    with pytest.raises(DeployerError) as caught:
        _render.render_file(_write(tmp_path), address, tmp_path / "out", {})
    assert caught.value.exit_code == ExitCode.USAGE
    assert not (tmp_path / "out").exists()


def test_force_removes_what_an_earlier_render_wrote_and_nothing_else(tmp_path: Path, keys: dict[str, str]) -> None:
    output = tmp_path / "out"
    _render.render_file(_write(tmp_path, **keys), "10.0.0.1", output, {})
    (output / "mine.txt").write_text("mine")
    (output / "tofu" / "mine.tf").write_text("mine")
    path = _write(tmp_path, **keys, provider={"provider": "existing"})
    _render.render_file(path, "10.0.0.1", output, {}, force=True)
    tree = _tree(output)
    assert not [name for name in tree if name.startswith("tofu/lxd")]
    assert tree["mine.txt"][0] == tree["tofu/mine.tf"][0] == b"mine"


def test_a_forged_listing_leads_to_nothing_outside(tmp_path: Path, keys: dict[str, str]) -> None:
    output, outside = tmp_path / "out", tmp_path / "outside"
    _render.render_file(_write(tmp_path, **keys), "10.0.0.1", output, {})
    outside.mkdir()
    (outside / "file").write_text("precious")
    (output / "link").symlink_to(outside)
    names = ["../outside/file", str(outside / "file"), "link/file", "", ".", "/"]
    (output / _render.LISTING).write_text(json.dumps({"format": 1, "files": names}))
    _render.render_file(_write(tmp_path, **keys), "10.0.0.1", output, {}, force=True)
    assert (outside / "file").read_text() == "precious"


def test_a_link_in_place_of_a_directory_is_not_followed(tmp_path: Path, keys: dict[str, str]) -> None:
    output, outside = tmp_path / "out", tmp_path / "outside"
    output.mkdir()
    outside.mkdir()
    (output / "tracker").symlink_to(outside)
    with pytest.raises(DeployerError) as caught:
        _render.render_file(_write(tmp_path, **keys), "10.0.0.1", output, {}, force=True)
    assert caught.value.code == "output-not-written"
    assert list(outside.iterdir()) == []


def test_files_keep_their_modes_whatever_the_umask(tmp_path: Path, keys: dict[str, str]) -> None:
    before = os.umask(0o077)
    try:
        _render.render_file(_write(tmp_path, **keys), "10.0.0.1", tmp_path / "out", {})
    finally:
        os.umask(before)
    assert _tree(tmp_path / "out")["tracker/tracker.toml"][1] == 0o400


def test_removing_the_api_needs_no_token(tmp_path: Path, store: FileStore) -> None:
    _create(store, _write(tmp_path, tracker__http_api=REMOVED))
    assert store.secrets("demo") == {}
