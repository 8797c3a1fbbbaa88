# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases on a host, under kills, full disks, damage and hostile archives."""

from __future__ import annotations

import errno
import functools
import io
import json
import os
import shutil
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.module_utils._release import ReleaseError, Releases
from ansible_collections.torrust.deployer.tests.unit.plugins.plugin_utils.forks import killed_at_every_step

OWNER = {"uid": os.getuid(), "gid": os.getgid()}


def _archive(path: Path, files: Mapping[str, bytes], kind: bytes = tarfile.REGTYPE, mode: int = 0o640) -> str:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, mode
            member.uid, member.gid = OWNER["uid"], OWNER["gid"]
            member.linkname = "/etc/passwd" if kind != tarfile.REGTYPE else ""
            member.size = len(content) if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(content))
    return str(path)


def _files(digest: str, config: str = "c1", env: bytes = b"A='1'\n") -> dict[str, bytes]:
    files = {
        f"config/tracker/{config}/tracker.toml": b"[core]\n",
        f"releases/{digest}/docker-compose.yml": b"services: {}\n",
        f"releases/{digest}/.env": env,
    }
    manifest = {
        "services": {"tracker": config},
        "directories": [],
        "files": {
            path: {"sha256": sha256(content).hexdigest(), "mode": 0o640, **OWNER} for path, content in files.items()
        },
    }
    return {**files, f"releases/{digest}/manifest.json": json.dumps(manifest).encode()}


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    found = Releases(str(tmp_path / "opt"), "demo")
    found.claim()
    return found


def _install(releases: Releases, tmp_path: Path, digest: str = "r1", **more: Any) -> None:
    releases.install(_archive(tmp_path / f"{digest}.tar", _files(digest, **more)), digest)


def _leftovers(releases: Releases) -> list[str]:
    return [name for name in os.listdir(releases.root) if name.startswith(".")]


def test_a_release_is_installed_with_modes_and_owners(releases: Releases, tmp_path: Path) -> None:
    assert releases.damage("r1") == ["releases/r1"]
    _install(releases, tmp_path)
    assert releases.damage("r1") == []
    assert _leftovers(releases) == []
    found = os.stat(releases.path("releases/r1/.env"))
    assert (found.st_mode & 0o7777, found.st_uid) == (0o640, OWNER["uid"])


def test_killed_at_any_point_it_is_complete_or_absent_and_can_be_repeated(releases: Releases, tmp_path: Path) -> None:
    _install(releases, tmp_path, "r0", config="c0")
    archive = _archive(tmp_path / "r1.tar", _files("r1"))
    seen = []
    for _kill in killed_at_every_step(functools.partial(releases.install, archive, "r1")):
        present = os.path.exists(releases.path("releases/r1"))
        seen.append(present)
        assert not present or releases.damage("r1") == []
        assert releases.damage("r0") == []
    assert len(seen) > 10
    assert set(seen) == {False, True}
    releases.install(archive, "r1")
    assert releases.damage("r1") == []
    assert _leftovers(releases) == []


def test_a_damaged_release_is_replaced_even_if_that_is_killed(releases: Releases, tmp_path: Path) -> None:
    _install(releases, tmp_path)
    archive = str(tmp_path / "r1.tar")
    config = Path(releases.path("config/tracker/c1/tracker.toml"))

    def mend() -> None:
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text("edited by hand")
        releases.install(archive, "r1")

    for _kill in killed_at_every_step(mend):
        pass
    assert releases.damage("r1") == []
    config.write_text("edited by hand")
    assert releases.damage("r1") == ["config/tracker/c1/tracker.toml"]
    config.chmod(0o600)
    Path(releases.path("releases/r1/docker-compose.yml")).unlink()
    assert len(releases.damage("r1")) == 2
    releases.install(archive, "r1")
    assert releases.damage("r1") == []


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b'{"files": {}}', b"\xff"])
def test_a_manifest_that_cannot_be_read_is_damage(releases: Releases, tmp_path: Path, content: bytes) -> None:
    _install(releases, tmp_path)
    Path(releases.path("releases/r1/manifest.json")).write_bytes(content)
    assert releases.damage("r1") == ["releases/r1"]
    releases.install(str(tmp_path / "r1.tar"), "r1")
    assert releases.damage("r1") == []


def test_a_configuration_that_a_container_mounts_is_not_replaced_by_its_equal(
    releases: Releases, tmp_path: Path
) -> None:
    _install(releases, tmp_path, "r1")
    before = os.stat(releases.path("config/tracker/c1")).st_ino
    _install(releases, tmp_path, "r2", env=b"A='2'\n")
    assert os.stat(releases.path("config/tracker/c1")).st_ino == before
    assert (releases.damage("r1"), releases.damage("r2")) == ([], [])


def test_a_containers_user_can_enter_its_configuration_whatever_the_umask(releases: Releases, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        _install(releases, tmp_path)
    finally:
        os.umask(before)
    assert os.stat(releases.path("config/tracker/c1")).st_mode & 0o777 == 0o755


def test_a_full_disk_leaves_nothing_behind(releases: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(releases, tmp_path, "r0")

    def full(_source: Any, _target: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        with pytest.raises(OSError, match="No space left"):
            _install(releases, tmp_path, "r1")
    assert _leftovers(releases) == []
    assert os.listdir(releases.path("releases")) == ["r0"]
    _install(releases, tmp_path, "r1")
    assert releases.damage("r1") == []


@pytest.mark.parametrize(
    "name",
    ["/etc/evil", "../evil", "config/../../evil", "releases/r1/../../../evil", "evil", "storage/tracker/x", "current"],
)
def test_a_member_outside_is_refused(releases: Releases, tmp_path: Path, name: str) -> None:
    archive = _archive(tmp_path / "bad.tar", {**_files("r1"), name: b"evil"})
    with pytest.raises(ReleaseError) as caught:
        releases.install(archive, "r1")
    assert caught.value.code == "bad-archive"
    assert name in str(caught.value)
    assert not list(tmp_path.rglob("evil"))
    assert _leftovers(releases) == []
    assert not os.path.exists(releases.path("releases"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_a_member_that_is_no_plain_file_is_refused(releases: Releases, tmp_path: Path, kind: bytes) -> None:
    archive = _archive(tmp_path / "bad.tar", {"config/tracker/c1/tracker.toml": b""}, kind)
    with pytest.raises(ReleaseError, match="unexpected member"):
        releases.install(archive, "r1")


def test_an_archive_that_was_cut_or_is_of_another_release_is_refused(releases: Releases, tmp_path: Path) -> None:
    archive = Path(_archive(tmp_path / "r1.tar", _files("r1")))
    whole = archive.read_bytes()
    for length in (0, 100, 600, 1100, 2500):
        archive.write_bytes(whole[:length])
        with pytest.raises(ReleaseError) as caught:
            releases.install(str(archive), "r1")
        assert caught.value.code == "bad-archive"
    archive.write_bytes(whole)
    with pytest.raises(ReleaseError, match="no manifest of release r2"):
        releases.install(str(archive), "r2")
    assert sorted(os.listdir(releases.root)) == ["environment"]


def test_a_host_serves_one_environment(releases: Releases) -> None:
    assert releases.claim() is False
    other = Releases(releases.root, "other")
    with pytest.raises(ReleaseError, match="'demo'") as caught:
        other.claim()
    assert caught.value.code == "other-environment"
    assert releases.owner() == "demo"


def test_a_killed_claim_is_whole_or_not_made(tmp_path: Path) -> None:
    root = tmp_path / "opt"

    def claim() -> None:
        (root / "environment").unlink(missing_ok=True)
        Releases(str(root), "demo").claim()

    for _kill in killed_at_every_step(claim):
        assert Releases(str(root), "demo").owner() in (None, "demo")
    assert Releases(str(root), "demo").owner() == "demo"


def test_current_is_always_one_of_the_two(releases: Releases, tmp_path: Path) -> None:
    _install(releases, tmp_path, "r1")
    _install(releases, tmp_path, "r2")
    assert (releases.current(), releases.switch("r1"), releases.switch("r1")) == (None, True, False)
    before = releases.path("current")

    def there_and_back() -> None:
        releases.switch("r2")
        releases.switch("r1")

    seen = set()
    for _kill in killed_at_every_step(there_and_back):
        seen.add(releases.current())
        assert os.path.isdir(before + "/")
    assert seen <= {"r1", "r2"}
    assert releases.current() == "r1"


def test_prune_keeps_what_is_mounted_current_and_newest(releases: Releases, tmp_path: Path) -> None:
    for number in range(6):
        _install(releases, tmp_path, f"r{number}", config=f"c{number}")
        os.utime(releases.path("releases", f"r{number}"), (number, number))
    mounted = [releases.path("config/tracker/c1"), releases.path("storage/tracker/lib")]
    assert sorted(releases.prune(2, {"r0"}, mounted)) == ["r1", "r2", "r3"]
    assert sorted(os.listdir(releases.path("releases"))) == ["r0", "r4", "r5"]
    assert sorted(os.listdir(releases.path("config/tracker"))) == ["c0", "c1", "c4", "c5"]
    assert all(releases.damage(name) == [] for name in ("r0", "r4", "r5"))
    assert releases.prune(2, {"r0"}, mounted) == []


def test_data_directories_get_their_owner_and_mode_once(releases: Releases) -> None:
    wanted = [{"path": releases.path("storage/tracker/lib"), "mode": "0750", **OWNER}]
    assert releases.ensure_directories(wanted) == [wanted[0]["path"]]
    assert os.stat(releases.path("storage/tracker/lib")).st_mode & 0o777 == 0o750
    assert releases.ensure_directories(wanted) == []
    os.chmod(releases.path("storage/tracker/lib"), 0o777)
    assert releases.ensure_directories(wanted) == [wanted[0]["path"]]
