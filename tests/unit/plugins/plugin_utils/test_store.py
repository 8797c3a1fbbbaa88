# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file store: what it keeps, and what it does when killed, crowded, full, forbidden or damaged."""

from __future__ import annotations

import errno
import functools
import json
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.torrust.deployer.plugins.plugin_utils import _durable
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Record, to_document
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore, Store, check_name

from .forks import fork, join, killed_at_every_step, run_at_once
from .records import MACHINE, RECORD

SECRETS = {"api_token": "s3cret'$\n", "empty": ""}


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "workspace")


@pytest.fixture
def demo(store: FileStore) -> FileStore:
    store.create(RECORD, SECRETS)
    return store


def _place(store: FileStore) -> Path:
    return store.workspace / "data" / "demo"


def _code(error: pytest.ExceptionInfo[DeployerError]) -> str:
    assert error.value.next_step
    return error.value.code


def _refusal(call: Callable[[], object]) -> str | None:
    """The code of the error that ``call`` raises, if it does."""
    try:
        call()
    except DeployerError as error:
        return error.code
    return None


def _with_machine(record: Record) -> Record:
    return replace(record, infrastructure=MACHINE)


def test_it_is_a_store(store: FileStore) -> None:
    kept: Store = store
    assert kept.interface == 1


def test_what_is_created_is_there(demo: FileStore) -> None:
    assert demo.names() == ["demo"]
    assert demo.exists("demo")
    assert demo.load("demo") == RECORD
    assert demo.secrets("demo") == SECRETS
    assert demo.lease("demo") is None


def test_looking_makes_nothing(store: FileStore) -> None:
    assert store.names() == []
    assert not store.exists("demo")
    with pytest.raises(DeployerError) as caught:
        store.load("demo")
    assert _code(caught) == "environment-not-found"
    assert caught.value.exit_code is ExitCode.NOT_FOUND
    assert not store.workspace.exists()


def test_a_name_nearly_right_is_offered(demo: FileStore) -> None:
    with pytest.raises(DeployerError, match="Did you mean 'demo'"):
        demo.load("demoo")


def test_changes_are_kept(demo: FileStore) -> None:
    assert demo.update("demo", _with_machine).infrastructure == MACHINE
    assert demo.load("demo").infrastructure == MACHINE
    demo.update_secrets("demo", lambda old: {**old, "new": "x"})
    assert demo.secrets("demo") == {**SECRETS, "new": "x"}
    demo.update_lease("demo", lambda _old: {"any": 1})
    assert demo.lease("demo") == {"any": 1}
    demo.update_lease("demo", lambda _old: None)
    assert demo.lease("demo") is None


def test_a_change_that_raises_or_changes_nothing_writes_nothing(demo: FileStore) -> None:
    before = (_place(demo) / "record.json").stat()

    def stop(_record: Record) -> Record:
        raise KeyError("stop")

    with pytest.raises(KeyError):
        demo.update("demo", stop)
    demo.update("demo", lambda record: record)
    assert (_place(demo) / "record.json").stat().st_ino == before.st_ino
    assert demo.load("demo") == RECORD


def test_a_change_may_not_rename(demo: FileStore) -> None:
    with pytest.raises(ValueError, match="must keep its name"):
        demo.update("demo", lambda record: replace(record, name="other"))
    assert demo.load("demo") == RECORD


def test_tools_get_places_of_their_own(demo: FileStore) -> None:
    tofu = demo.directory("demo", "tofu")
    assert tofu.is_dir()
    assert demo.directory("demo", "tofu") == tofu
    known = demo.write_file("demo", "known_hosts", b"host ssh-ed25519 AAAA\n")
    assert known == demo.file("demo", "known_hosts")
    assert known.read_bytes() == b"host ssh-ed25519 AAAA\n"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_all_is_for_the_owner_only(store: FileStore, umask: int) -> None:
    old = os.umask(umask)
    try:
        store.create(RECORD, SECRETS)
        store.update("demo", _with_machine)
        store.update_secrets("demo", dict)
        store.update_lease("demo", lambda _old: {})
        store.directory("demo", "tofu")
        store.write_file("demo", "known_hosts", b"")
    finally:
        os.umask(old)
    for path in [store.workspace, *store.workspace.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_file_that_was_opened_up_is_closed_again(demo: FileStore) -> None:
    (_place(demo) / "secrets.json").chmod(0o666)
    demo.update_secrets("demo", lambda old: {**old, "new": "x"})
    assert stat.S_IMODE((_place(demo) / "secrets.json").stat().st_mode) == 0o600


HOSTILE = [
    "", ".", "..", "../demo", "a/b", "/etc", "demo/", "demo\n", "demo\0", "Demo", "1demo", "-demo", "demo-", "a--b",
    "a_b", "dëmo", "a b", "a" * 64, ".new-1", "~",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_never_becomes_a_path(store: FileStore, name: str) -> None:
    calls: list[Any] = [
        lambda: store.exists(name),
        lambda: store.load(name),
        lambda: store.create(replace(RECORD, name=name), {}),
        lambda: store.update(name, lambda record: record),
        lambda: store.secrets(name),
        lambda: store.update_secrets(name, dict),
        lambda: store.lease(name),
        lambda: store.update_lease(name, lambda lease: lease),
        lambda: store.directory(name, "tofu"),
        lambda: store.write_file(name, "known_hosts", b""),
        lambda: store.remove(name),
    ]
    for call in calls:
        with pytest.raises(DeployerError) as caught:
            call()
        assert _code(caught) == "bad-environment-name"
        assert caught.value.exit_code is ExitCode.USAGE
    assert not store.workspace.exists()


@given(st.text())
def test_a_name_that_passes_is_one_plain_component(name: str) -> None:
    try:
        check_name(name)
    except DeployerError:
        return
    assert Path("data", name).parts == ("data", name)
    assert name.isascii()


def test_what_is_not_ours_is_left_alone(demo: FileStore) -> None:
    data = demo.workspace / "data"
    (data / "upstream").mkdir()
    (data / "upstream" / "environment.json").write_text("{}")
    (data / "logs").mkdir()
    (data / "a-file").write_text("")
    (data / "UPPER").mkdir()
    (data / "UPPER" / "record.json").write_text("{}")
    assert demo.names() == ["demo"]
    for name in ("upstream", "a-file"):
        with pytest.raises(DeployerError) as caught:
            demo.create(replace(RECORD, name=name), {})
        assert _code(caught) == "environment-name-taken"
        with pytest.raises(DeployerError) as caught:
            demo.remove(name)
        assert _code(caught) == "environment-not-found"
    assert (data / "upstream" / "environment.json").read_text() == "{}"


def test_a_name_is_taken_once(demo: FileStore) -> None:
    with pytest.raises(DeployerError) as caught:
        demo.create(_with_machine(RECORD), {})
    assert _code(caught) == "environment-exists"
    assert caught.value.exit_code is ExitCode.CONFLICT
    assert demo.load("demo") == RECORD


def test_of_many_creators_one_wins(store: FileStore, tmp_path: Path) -> None:
    def create(number: int) -> None:
        code = _refusal(lambda: store.create(RECORD, {"winner": str(number)}))
        assert code in (None, "environment-exists")
        if code is None:
            (tmp_path / f"won-{number}").touch()

    run_at_once([functools.partial(create, number) for number in range(8)])
    (won,) = tmp_path.glob("won-*")
    assert store.secrets("demo") == {"winner": won.name.removeprefix("won-")}
    assert [path.name for path in (store.workspace / "data").iterdir() if not path.name.startswith(".lock")] == ["demo"]


def test_no_change_is_lost_among_many(demo: FileStore) -> None:
    def count(record: Record) -> Record:
        return replace(record, environment={"count": record.environment.get("count", 0) + 1})

    def work() -> None:
        for _time in range(10):
            demo.update("demo", count)

    run_at_once([work] * 6)
    assert demo.load("demo").environment == {"count": 60}


def test_removing_and_creating_again_among_changes(store: FileStore) -> None:
    """A change that waited while the environment was replaced never reaches the new one with old content."""

    def replace_it() -> None:
        for number in range(20):
            store.create(replace(RECORD, created_at=str(number)), {})
            store.remove("demo")

    def change() -> None:
        seen: list[str] = []

        def note(record: Record) -> Record:
            seen.append(record.created_at)
            return replace(record, environment={"of": record.created_at})

        def change_and_look() -> None:
            assert store.update("demo", note).created_at == seen[-1]
            record = store.load("demo")
            assert record.environment in (RECORD.environment, {"of": record.created_at})

        for _time in range(60):
            assert _refusal(change_and_look) in (None, "environment-not-found")

    run_at_once([replace_it, change, change])
    assert store.names() == []


def test_a_killed_change_leaves_the_old_or_the_new_record(demo: FileStore) -> None:
    steps = 0
    for steps in killed_at_every_step(lambda: demo.update("demo", _with_machine)):
        assert demo.load("demo") in (RECORD, _with_machine(RECORD))
        demo.update("demo", lambda _record: RECORD)
        assert not list(_place(demo).glob(".aside-*")), f"left after the change that follows step {steps}"
    assert steps >= 6
    assert demo.load("demo") == _with_machine(RECORD)


def test_a_killed_creation_leaves_nothing_or_all(store: FileStore) -> None:
    steps = 0
    for steps in killed_at_every_step(lambda: store.create(RECORD, SECRETS)):
        assert store.names() in ([], ["demo"])
        if store.names():
            assert (store.load("demo"), store.secrets("demo")) == (RECORD, SECRETS)
            store.remove("demo")
        else:
            store.create(RECORD, SECRETS)
            store.remove("demo")
        assert [path.name for path in (store.workspace / "data").iterdir()] == [".lock"], steps
    assert steps >= 12
    assert store.load("demo") == RECORD


def test_a_killed_removal_leaves_nothing_or_all(demo: FileStore) -> None:
    demo.directory("demo", "tofu").joinpath("terraform.tfstate").write_text("{}")
    steps = 0
    for steps in killed_at_every_step(lambda: demo.remove("demo")):
        if demo.names():
            assert (demo.load("demo"), demo.secrets("demo")) == (RECORD, SECRETS)
            assert (demo.directory("demo", "tofu") / "terraform.tfstate").exists()
        else:
            demo.create(RECORD, SECRETS)
            demo.directory("demo", "tofu").joinpath("terraform.tfstate").write_text("{}")
            assert sorted(path.name for path in (demo.workspace / "data").iterdir()) == [".lock", "demo"], steps
    assert steps >= 6
    assert demo.names() == []
    assert not [path for path in demo.workspace.rglob("*") if path.name != ".lock" and path.is_file()]


def test_a_killed_holder_of_the_lock_keeps_nobody_out(demo: FileStore) -> None:
    reading, writing = os.pipe()

    def hold() -> None:
        with _durable.locked(_place(demo) / "lock"):
            os.write(writing, b"x")
            signal.pause()

    child = fork(hold)
    assert os.read(reading, 1) == b"x"
    os.kill(child, signal.SIGKILL)
    assert join(child) == -signal.SIGKILL
    demo.update("demo", _with_machine)
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "workspace-full"),
        (errno.EDQUOT, "workspace-full"),
        (errno.EROFS, "workspace-read-only"),
        (errno.EIO, "workspace-failed"),
    ],
)
@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_disk_that_fails_leaves_the_old_record(
    demo: FileStore, monkeypatch: pytest.MonkeyPatch, number: int, code: str, call: str
) -> None:
    def fail(*_arguments: Any, **_more: Any) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(DeployerError) as caught:
            demo.update("demo", _with_machine)
        with pytest.raises(DeployerError) as again:
            demo.create(replace(RECORD, name="second"), {})
    assert _code(caught) == _code(again) == code
    assert str(_place(demo)) in caught.value.where
    assert os.strerror(number) in caught.value.cause
    assert demo.load("demo") == RECORD
    assert demo.names() == ["demo"]
    assert not list(demo.workspace.rglob(".aside-*"))
    demo.update("demo", _with_machine)


def test_a_short_write_goes_on(demo: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: write(handle, bytes(content)[:7]))
    demo.update("demo", _with_machine)
    assert demo.load("demo") == _with_machine(RECORD)


@pytest.fixture
def nobodys() -> Iterator[Path]:
    """A directory that an account without rights can reach (those of pytest are closed to others)."""
    place = Path(tempfile.mkdtemp(prefix="store-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become an account without rights")
def test_an_account_without_rights_is_told(nobodys: Path) -> None:
    store = FileStore(nobodys / "workspace")
    store.create(RECORD, SECRETS)
    _place(store).parent.parent.chmod(0o755)
    _place(store).parent.chmod(0o755)

    def refused() -> None:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        for call in (
            store.names,
            lambda: store.load("demo"),
            lambda: store.secrets("demo"),
            lambda: store.update("demo", _with_machine),
            lambda: store.create(replace(RECORD, name="second"), {}),
            lambda: FileStore(Path("/proc/nowhere")).create(RECORD, {}),
        ):
            assert _refusal(call) in ("workspace-denied", "workspace-misplaced")

    assert join(fork(refused)) == 0
    assert store.load("demo") == RECORD


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become an account without rights")
def test_reading_needs_no_right_to_write(nobodys: Path) -> None:
    store = FileStore(nobodys / "workspace")
    store.create(RECORD, SECRETS)
    for path in [store.workspace, *store.workspace.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)

    def read() -> None:
        os.setresuid(65534, 65534, 65534)
        assert (store.names(), store.load("demo"), store.secrets("demo")) == (["demo"], RECORD, SECRETS)
        assert _refusal(lambda: store.update("demo", _with_machine)) == "workspace-denied"

    assert join(fork(read)) == 0


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"\xff\xfe", json.dumps(to_document(RECORD)).encode()[:-20], b"[" * 100_000],
    ids=["empty", "cut", "null", "binary", "truncated", "deep"],
)
def test_a_damaged_record_is_named(demo: FileStore, content: bytes) -> None:
    (_place(demo) / "record.json").write_bytes(content)
    calls: list[Callable[[], object]] = [lambda: demo.load("demo"), lambda: demo.update("demo", _with_machine)]
    for call in calls:
        with pytest.raises(DeployerError) as caught:
            call()
        assert _code(caught) == "record-corrupt"
        assert caught.value.where == str(_place(demo) / "record.json")
    assert (_place(demo) / "record.json").read_bytes() == content
    assert demo.names() == ["demo"]


def test_a_record_in_the_wrong_place_is_named(demo: FileStore) -> None:
    shutil.copytree(_place(demo), _place(demo).with_name("copy"))
    with pytest.raises(DeployerError) as caught:
        demo.load("copy")
    assert _code(caught) == "record-corrupt"
    assert "'demo'" in caught.value.cause


def test_a_newer_record_is_left_as_it_is(demo: FileStore) -> None:
    path = _place(demo) / "record.json"
    path.write_text(json.dumps({**to_document(RECORD), "format": 99, "future": True}))
    content = path.read_bytes()
    with pytest.raises(DeployerError) as caught:
        demo.update("demo", _with_machine)
    assert _code(caught) == "record-too-new"
    assert caught.value.where == str(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2, "secrets": {}}', '{"format": 1, "secrets": {"a": 1}}'])
def test_damaged_secrets_are_named_but_never_shown(demo: FileStore, content: str) -> None:
    (_place(demo) / "secrets.json").write_text(content)
    with pytest.raises(DeployerError) as caught:
        demo.update_secrets("demo", lambda _old: {})
    assert _code(caught) == "secrets-corrupt"
    assert (_place(demo) / "secrets.json").read_text() == content


def test_missing_secrets_are_not_a_missing_environment(demo: FileStore) -> None:
    (_place(demo) / "secrets.json").unlink()
    with pytest.raises(DeployerError) as caught:
        demo.secrets("demo")
    assert _code(caught) == "environment-incomplete"


def test_a_damaged_lease_says_how_to_go_on(demo: FileStore) -> None:
    (_place(demo) / "lease.json").write_text("{")
    with pytest.raises(DeployerError) as caught:
        demo.lease("demo")
    assert _code(caught) == "lease-corrupt"
    assert str(_place(demo) / "lease.json") in caught.value.next_step


@pytest.mark.parametrize("misplaced", ["workspace", "workspace/data"])
def test_a_file_in_place_of_the_workspace_is_named(tmp_path: Path, misplaced: str) -> None:
    (tmp_path / misplaced).parent.mkdir(exist_ok=True)
    (tmp_path / misplaced).write_text("")
    store = FileStore(tmp_path / "workspace")
    for call in (store.names, lambda: store.create(RECORD, {})):
        with pytest.raises(DeployerError) as caught:
            call()
        assert _code(caught) == "workspace-misplaced"


def test_a_value_that_json_cannot_hold_is_refused_before_it_is_written(demo: FileStore) -> None:
    with pytest.raises(ValueError, match="JSON"):
        demo.update("demo", lambda record: replace(record, environment={"x": float("nan")}))
    assert demo.load("demo") == RECORD
