# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions that release, run, file and judge, against a host that answers as told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible import context
from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.collections import ImmutableDict

from ansible_collections.torrust.deployer.plugins.action import (
    configured,
    open,
    probe_clients,
    release,
    stack_up,
    verdict,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils import _operation
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Host, Release
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

from ..plugin_utils.records import MACHINE
from .fake_host import TOKEN, FakeHost, store_with_demo

FILES = "torrust.deployer.release_files"
COMMAND = "ansible.builtin.command"
COMPOSE = "community.docker.docker_compose_v2"
STACK = "torrust.deployer.stack_info"
IMAGE = "torrust/tracker:3.0.0"
LOCK = "sha256:" + "a" * 64
SERVING = {"service": "tracker", "state": "running", "health": "healthy", "restarts": 0}


class ReleaseHost(FakeHost):
    """A host with docker: what is uploaded, pulled and loaded is there afterwards."""

    def __init__(self, images: Mapping[str, str] | None = None) -> None:
        self.images = dict(images or {})
        self.releases: set[str] = set()
        self.commands: list[list[str]] = []
        self.refused: dict[str, dict[str, Any]] = {}
        super().__init__({FILES: self._files, COMMAND: self._command})

    def _files(self, asked: dict[str, Any]) -> dict[str, Any]:
        if FILES in self.refused:
            return self.refused[FILES]
        if asked["src"]:
            self.releases.add(asked["digest"])
        present = {name: {"id": self.images[name], "digests": []} for name in asked["images"] if name in self.images}
        complete = asked["digest"] in self.releases
        return {"complete": complete, "damage": [], "images": present, "directories": []}

    def _command(self, asked: dict[str, Any]) -> dict[str, Any]:
        argv = asked["argv"]
        self.commands.append(argv)
        if argv[1] in self.refused:
            return self.refused[argv[1]]
        if argv[1] == "pull":
            self.images[argv[-1]] = LOCK
            self.images[f"torrust/tracker@{LOCK}"] = LOCK
        if argv[1] == "load":
            self.images[IMAGE] = "sha256:archived"
        return {"stdout": f"docker.io/torrust/tracker@{LOCK}\nmirror.example/torrust/tracker@sha256:bb\n"}


def _begun(store: FileStore) -> FileStore:
    store.update("demo", lambda record: replace(record, infrastructure=MACHINE, host=Host("digest", "2026")))
    _operation.begin(store, "demo", "release")
    return store


def _archive(directory: Path) -> Path:
    archive = directory / "images"
    archive.mkdir()
    (archive / "tracker.tar.zst").write_bytes(b"an image")
    index = {IMAGE: {"archive": "tracker.tar.zst", "image_id": "sha256:archived"}}
    (archive / "index.json").write_text(json.dumps(index))
    return archive


def _release(host: FakeHost, store: FileStore, **more: Any) -> dict[str, Any]:
    return host.run(release.ActionModule, store.workspace, env_name="demo", **more)


def _code(result: Mapping[str, Any]) -> str:
    assert result["failed"], result
    assert TOKEN not in json.dumps(result)
    code: str = result["error"]["code"]
    return code


def test_an_image_is_pulled_once_and_locked_by_its_digest(tmp_path: Path) -> None:
    store, host = _begun(store_with_demo(tmp_path)), ReleaseHost()
    first = _release(host, store)
    assert (first["changed"], first["done"]) == (True, [f"image {IMAGE}", f"release {first['digest']}"])
    assert host.commands[0] == ["docker", "pull", "--quiet", IMAGE]
    record = store.load("demo")
    assert record.images["tracker"].reference == f"torrust/tracker@{LOCK}"
    assert record.release is not None
    assert record.release.digest == first["digest"]
    host.commands.clear()
    again = _release(host, store)
    assert (again["changed"], again["done"], again["digest"]) == (False, [], first["digest"])
    assert host.commands == []
    assert store.load("demo").release == record.release
    assert TOKEN not in json.dumps([first, again, host.asked])


def test_another_host_gets_the_locked_image_whatever_the_tag_is_now(tmp_path: Path) -> None:
    store = _begun(store_with_demo(tmp_path))
    first = _release(ReleaseHost(), store)
    host = ReleaseHost({IMAGE: "sha256:newer"})
    again = _release(host, store)
    assert again["digest"] == first["digest"]
    assert host.commands == [["docker", "pull", "--quiet", f"torrust/tracker@{LOCK}"]]


def test_an_image_that_is_there_already_is_not_pulled(tmp_path: Path) -> None:
    store, host = _begun(store_with_demo(tmp_path)), ReleaseHost({IMAGE: LOCK})
    assert f"image {IMAGE}" not in _release(host, store)["done"]
    assert [argv[1] for argv in host.commands] == ["image"]


def test_an_archive_is_loaded_once(tmp_path: Path) -> None:
    store = _begun(store_with_demo(tmp_path, images__archive=str(_archive(tmp_path))))
    host = ReleaseHost({IMAGE: "sha256:other"})
    assert f"image {IMAGE}" in _release(host, store)["done"]
    assert host.commands == [["docker", "load", "--quiet", "--input", "/tmp/remote/tracker.tar.zst"]]
    assert host.sent == ["/tmp/remote/tracker.tar.zst", "/tmp/remote/release.tar"]
    assert _release(host, store)["changed"] is False
    assert len(host.commands) == 1


@pytest.mark.parametrize(
    ("index", "cause"),
    [
        (None, "No such file"),
        ("{", "Expecting"),
        ("{}", f"{IMAGE} is not listed"),
        (f'{{"{IMAGE}": {{"archive": "gone.tar", "image_id": "x"}}}}', "gone.tar is listed but does not exist"),
        (f'{{"{IMAGE}": {{"archive": "tracker.tar.zst"}}}}', "image_id is not listed"),
    ],
)
def test_an_image_that_no_archive_holds(tmp_path: Path, index: str | None, cause: str) -> None:
    archive = _archive(tmp_path)
    store = _begun(store_with_demo(tmp_path, images__archive=str(archive)))
    (archive / "index.json").unlink()
    if index is not None:
        (archive / "index.json").write_text(index)
    result = _release(ReleaseHost(), store)
    assert _code(result) == "image-archive-missing"
    assert cause in result["msg"]
    assert store.load("demo").release is None


@pytest.mark.parametrize(
    ("refused", "answer", "code", "exit_code"),
    [
        (FILES, {"failed": True, "code": "other-environment", "msg": "serves 'x'"}, "other-environment", ExitCode.HOST),
        (FILES, {"failed": True, "code": "disk-full", "msg": "[Errno 28]"}, "disk-full", ExitCode.HOST),
        (FILES, {"failed": True, "msg": "OSError: No space left on device"}, "disk-full", ExitCode.HOST),
        (FILES, {"failed": True, "code": "docker", "msg": "Cannot connect"}, "docker", ExitCode.HOST),
        (FILES, {"failed": True, "module_stderr": "Traceback"}, "host-files", ExitCode.HOST),
        (FILES, {"unreachable": True, "msg": "timed out"}, "host-unreachable", ExitCode.UNREACHABLE),
        ("pull", {"failed": True, "stderr": "a\nno space left on device"}, "disk-full", ExitCode.HOST),
        ("pull", {"failed": True, "stderr": "manifest unknown"}, "image-not-brought", ExitCode.HOST),
        ("pull", {"unreachable": True, "msg": "timed out"}, "host-unreachable", ExitCode.UNREACHABLE),
        ("image", {"stdout": "\n"}, "image-without-digest", ExitCode.HOST),
    ],
)
def test_what_the_host_refuses_is_said_and_not_filed(
    tmp_path: Path, refused: str, answer: dict[str, Any], code: str, exit_code: ExitCode
) -> None:
    store, host = _begun(store_with_demo(tmp_path)), ReleaseHost()
    host.refused[refused] = answer
    result = _release(host, store)
    assert (_code(result), result["exit_code"]) == (code, exit_code)
    assert result["error"]["next_step"]
    assert (store.load("demo").release, store.load("demo").images) == (None, {})


def _lost(*_arguments: Any, **_more: Any) -> Any:
    raise AnsibleConnectionFailure("Connection timed out")


@pytest.mark.parametrize("lost", [FILES, COMMAND])
def test_a_host_that_is_lost_is_a_failure_that_can_be_filed(tmp_path: Path, lost: str) -> None:
    store = _begun(store_with_demo(tmp_path))
    host = ReleaseHost()
    host.answers = {**host.answers, lost: _lost}
    result = _release(host, store)
    assert _code(result) == "host-unreachable"
    assert "unreachable" not in result


def test_a_host_that_is_lost_during_the_upload(tmp_path: Path) -> None:
    store, host = _begun(store_with_demo(tmp_path)), ReleaseHost()
    host.is_lost_to_files = True
    assert _code(_release(host, store)) == "host-unreachable"
    assert store.load("demo").release is None


@pytest.mark.parametrize("archived", [False, True])
def test_a_dry_release_changes_nothing(tmp_path: Path, archived: bool) -> None:
    changes = {"images__archive": str(_archive(tmp_path))} if archived else {}
    store, host = _begun(store_with_demo(tmp_path, **changes)), ReleaseHost()
    before = store.load("demo")
    result = _release(host, store, check_mode=True)
    assert result["changed"] is True
    assert (host.commands, host.sent, host.releases) == ([], [], set())
    assert store.load("demo") == before


def _released(directory: Path) -> FileStore:
    store = _begun(store_with_demo(directory))
    store.update("demo", lambda record: replace(record, release=Release("r1", "2026", {"tracker": "c1"})))
    return store


def _stack(host: FakeHost, store: FileStore, **more: Any) -> dict[str, Any]:
    return host.run(stack_up.ActionModule, store.workspace, env_name="demo", **more)


def _stack_host(up: dict[str, Any], failing: list[dict[str, Any]] | None = None, *, present: bool = True) -> FakeHost:
    containers = [SERVING] if present else []
    return FakeHost(
        {COMPOSE: lambda _asked: up, STACK: lambda _asked: {"containers": containers, "failing": failing or []}}
    )


def test_what_serves_is_filed_as_running(tmp_path: Path) -> None:
    store = _released(tmp_path)
    host = _stack_host({"changed": True, "actions": [{"status": "Started", "what": "container", "id": "tracker"}]})
    result = _stack(host, store)
    assert (result["changed"], result["done"]) == (True, ["started container tracker"])
    running = store.load("demo").running
    assert running is not None
    assert running.digest == "r1"
    assert host.asked[0][1]["project_src"] == "/opt/torrust/releases/r1"
    assert host.asked[1][1]["current"] == "r1"
    assert _stack(_stack_host({}), store)["changed"] is False
    assert store.load("demo").running == running


def test_what_does_not_serve_is_named_with_its_last_words_and_no_secret(tmp_path: Path) -> None:
    store = _released(tmp_path)
    store.update("demo", lambda record: replace(record, running=Release("r0", "2026")))
    failing = {
        "service": "tracker",
        "message": "tracker is restarting (exit code 101, restarted 7 times)",
        "log": ["thread 'main' panicked", f"bad token {TOKEN}"],
    }
    host = _stack_host({"failed": True, "msg": "exit 1"}, [failing])
    result = _stack(host, store)
    assert _code(result) == "not-serving"
    assert "restarted 7 times" in result["msg"]
    assert "thread 'main' panicked" in result["msg"]
    assert store.load("demo").running is None
    assert host.asked[1][1]["current"] is None


def test_compose_that_fails_without_a_guilty_container_speaks_for_itself(tmp_path: Path) -> None:
    result = _stack(_stack_host({"failed": True, "stderr": "port is already allocated"}), _released(tmp_path))
    assert _code(result) == "not-serving"
    assert "port is already allocated" in result["msg"]


def test_no_container_is_no_success(tmp_path: Path) -> None:
    assert _code(_stack(_stack_host({}, present=False), _released(tmp_path))) == "not-serving"


@pytest.mark.parametrize("lost", [COMPOSE, STACK])
def test_a_host_that_is_lost_says_nothing_about_the_stack(tmp_path: Path, lost: str) -> None:
    store = _released(tmp_path)
    running = Release("r0", "2026")
    store.update("demo", lambda record: replace(record, running=running))
    host = _stack_host({})
    host.answers = {**host.answers, lost: _lost}
    result = _stack(host, store)
    assert (_code(result), result["exit_code"]) == ("host-unreachable", ExitCode.UNREACHABLE)
    assert store.load("demo").running == running


def test_a_stack_needs_a_release_unless_it_is_a_dry_run(tmp_path: Path) -> None:
    store = _begun(store_with_demo(tmp_path))
    assert _code(_stack(FakeHost({}), store)) == "not-released"
    assert _stack(FakeHost({}), store, check_mode=True)["changed"] is True


def test_a_dry_run_files_nothing(tmp_path: Path) -> None:
    store = _released(tmp_path)
    before = store.load("demo")
    assert _stack(_stack_host({"changed": True}), store, check_mode=True)["changed"] is True
    assert store.load("demo") == before


def test_the_host_is_filed_once_and_not_in_a_dry_run(tmp_path: Path) -> None:
    store = store_with_demo(tmp_path)

    def configure(**more: Any) -> None:
        host = FakeHost({})
        result = host.run(configured.ActionModule, store.workspace, env_name="demo", facts={"docker": "28"}, **more)
        assert result["document"]["host"] == {"docker": "28"}

    configure(check_mode=True)
    assert store.load("demo").host is None
    configure()
    filed = store.load("demo").host
    assert filed is not None
    store.update("demo", lambda record: replace(record, host=replace(filed, at="earlier")))
    configure()
    assert store.load("demo").host == replace(filed, at="earlier")


def _row(status: str, target: str = "udp_trackers[0] ipv4") -> dict[str, Any]:
    return {
        "probe": "introduce",
        "target": target,
        "status": status,
        "hop": "firewall" if status == "failed" else "",
        "message": status,
        "next_step": "open the port" if status == "failed" else "",
    }


@pytest.mark.parametrize(
    ("statuses", "passed"),
    [
        (["passed"], True),
        (["warned", "untested"], True),
        (["passed", "failed"], False),
        (["untested"], False),
        ([], False),
    ],
)
def test_a_verdict_needs_a_probe_that_passed_and_none_that_failed(
    tmp_path: Path, statuses: list[str], passed: bool
) -> None:
    store = store_with_demo(tmp_path)
    rows = [_row(status) for status in statuses]
    result = FakeHost({}).run(verdict.ActionModule, store.workspace, env_name="demo", rows=rows)
    filed = store.load("demo").verdict
    assert filed is not None
    assert (filed.passed, len(filed.failed)) == (passed, statuses.count("failed"))
    if not passed:
        assert (_code(result), result["exit_code"]) == ("test-failed", ExitCode.VERDICT)
    if "failed" in statuses:
        assert "at the firewall: failed" in result["msg"]
        assert result["error"]["next_step"] == "open the port"


def test_a_dry_verdict_is_not_filed(tmp_path: Path) -> None:
    store = store_with_demo(tmp_path)
    FakeHost({}).run(verdict.ActionModule, store.workspace, env_name="demo", rows=[_row("passed")], check_mode=True)
    assert store.load("demo").verdict is None


def test_listeners_of_a_family_without_address_are_said_to_be_untested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_with_demo(tmp_path, tracker__udp_trackers__0__bind_address="[::]:6969")
    asked: list[dict[str, Any]] = []

    def run_probes(request: dict[str, Any]) -> list[Any]:
        asked.append(request)
        return []

    monkeypatch.setattr(probe_clients, "run_probes", run_probes)
    assert _code(FakeHost({}).run(probe_clients.ActionModule, store.workspace, env_name="demo")) == "no-instance"
    store.update("demo", lambda record: replace(record, infrastructure=replace(MACHINE, ipv6=None)))
    result = FakeHost({}).run(probe_clients.ActionModule, store.workspace, env_name="demo")
    assert [(row["target"], row["status"]) for row in result["rows"]] == [
        ("udp_trackers[0] ipv6 port 6969", "untested")
    ]
    assert {listener["address"] for listener in asked[0]["listeners"]} == {"10.0.0.2"}
    assert result["on_host"]["api"] == [{"url": "http://127.0.0.1:1212/api/health_check"}]


def _open(store: FileStore, monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], **more: Any) -> dict[str, Any]:
    monkeypatch.setattr(open, "load_extra_vars", lambda _loader: extra)
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(args=("torrust.deployer.run",)))
    return FakeHost({}).run(open.ActionModule, store.workspace, verb="run", env_name="demo", **more)


def test_open_begins_and_says_how_to_reach_the_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_with_demo(tmp_path)
    store.update("demo", lambda record: replace(record, infrastructure=MACHINE))
    result = _open(store, monkeypatch, {"env_name": "demo", "mine": 1}, needs="instance")
    assert result["instance"]["address"] == "10.0.0.2"
    assert "StrictHostKeyChecking=yes" in result["instance"]["ssh_arguments"]
    operation = store.load("demo").operation
    assert operation is not None
    assert operation.verb == "run"
    assert TOKEN not in json.dumps(result)


def test_open_refuses_a_misspelt_extra_variable_before_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_with_demo(tmp_path)
    result = _open(store, monkeypatch, {"env_name": "demo", "wait_timout": 5})
    assert (_code(result), result["exit_code"]) == ("unknown-argument", ExitCode.USAGE)
    assert "wait_timeout" in result["msg"]
    assert store.load("demo").operation is None


@pytest.mark.parametrize(
    ("facts", "code", "verb"),
    [
        ({}, "no-instance", "provision demo"),
        ({"infrastructure": MACHINE}, "not-configured", "configure demo"),
        ({"infrastructure": MACHINE, "host": Host("d", "2026")}, "not-released", "release demo"),
    ],
)
def test_open_names_the_verb_that_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], code: str, verb: str
) -> None:
    store = store_with_demo(tmp_path)
    store.update("demo", lambda record: replace(record, **facts))
    result = _open(store, monkeypatch, {}, needs="released")
    assert _code(result) == code
    assert verb in result["error"]["next_step"]
    assert store.load("demo").operation is None


def test_open_only_looks_in_a_dry_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_with_demo(tmp_path)
    before = store.load("demo")
    result = _open(store, monkeypatch, {}, needs="released", check_mode=True)
    assert (result["instance"], result["nested"]) == (None, False)
    assert store.load("demo") == before
    assert store.lease("demo") is None
