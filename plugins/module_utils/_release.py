# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases on a host: complete or absent. Runs on hosts (Python >= 3.9).

Below the deploy directory::

    environment              the name of the one environment that this host serves
    config/<service>/<hash>  a service's configuration, named by its content
    releases/<digest>        docker-compose.yml, .env and manifest.json (last, so it makes the release complete)
    current                  the release that runs
    storage/<service>        data, outside releases
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any

_INCOMING = ".incoming-"
_MANIFEST_KEYS = {"files", "directories", "services"}


class ReleaseError(Exception):
    """What went wrong, with a stable code: ``other-environment``, ``bad-archive``, ``disk-full``, ``host-files``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Releases:
    """The releases below ``root``, for one environment."""

    def __init__(self, root: str, environment: str) -> None:
        self.root = root
        self.environment = environment

    def path(self, *parts: str) -> str:
        """A path below the deploy directory."""
        return os.path.join(self.root, *parts)

    def owner(self) -> str | None:
        """The environment whose host this is."""
        with contextlib.suppress(FileNotFoundError), open(self.path("environment"), encoding="utf-8") as file:
            return file.read().strip()
        return None

    def claim(self) -> bool:
        """Make this the environment's host; true if it was nobody's. Raises ``other-environment``."""
        owner = self.owner()
        if owner == self.environment:
            return False
        if owner is not None:
            raise ReleaseError("other-environment", f"this host already serves the environment '{owner}'")
        os.makedirs(self.root, mode=0o755, exist_ok=True)
        _write(self.path("environment"), (self.environment + "\n").encode(), 0o644)
        return True

    def current(self) -> str | None:
        """The digest of the release that runs."""
        with contextlib.suppress(OSError):
            return os.path.basename(os.readlink(self.path("current")))
        return None

    def manifest(self, digest: str) -> dict[str, Any] | None:
        """The manifest of a release; ``None`` if it is absent or cannot be read."""
        try:
            with open(self.path("releases", digest, "manifest.json"), encoding="utf-8") as file:
                loaded = json.load(file)
        except (OSError, ValueError):
            return None
        return loaded if isinstance(loaded, dict) and loaded.keys() >= _MANIFEST_KEYS else None

    def damage(self, digest: str) -> list[str]:
        """What is not as the release's manifest says: paths, sorted. An absent release is all damage."""
        manifest = self.manifest(digest)
        if manifest is None:
            return [f"releases/{digest}"]
        return sorted(path for path, said in manifest["files"].items() if not self._is_as_said(path, said))

    def _is_as_said(self, path: str, said: dict[str, Any]) -> bool:
        full = self.path(path)
        try:
            found = os.lstat(full)
            with open(full, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
        except OSError:
            return False
        return (content, found.st_mode & 0o7777, found.st_uid, found.st_gid) == (
            said["sha256"],
            said["mode"],
            said["uid"],
            said["gid"],
        )

    def install(self, archive: str, digest: str) -> None:
        """Unpack a release aside, then move it into place, its own directory last. Safe to kill and to repeat."""
        self._clear_incoming()
        incoming = self.path(_INCOMING + digest)
        try:
            os.makedirs(incoming, mode=0o700)
            try:
                with tarfile.open(archive, mode="r:") as tar:
                    for member in _safe(tar):
                        _unpack(tar, member, os.path.join(incoming, member.name))
            except tarfile.TarError as error:
                raise ReleaseError("bad-archive", f"the release archive cannot be read: {error}") from error
            for directory in self._in_order(incoming, digest):
                self._move(os.path.join(incoming, directory), self.path(directory))
        finally:
            self._clear_incoming()

    def _clear_incoming(self) -> None:
        """Remove what this or a killed install, perhaps of another release, left aside."""
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self.root):
                if name.startswith(_INCOMING):
                    shutil.rmtree(self.path(name), ignore_errors=True)

    def _in_order(self, incoming: str, digest: str) -> Iterator[str]:
        """The directories to move. A configuration that is there as it should be stays: a container may mount it."""
        manifest = Releases(incoming, self.environment).manifest(digest)
        if manifest is None:
            raise ReleaseError("bad-archive", f"the release archive has no manifest of release {digest}")
        config = os.path.join(incoming, "config")
        for service in sorted(os.listdir(config)) if os.path.isdir(config) else ():
            for name in sorted(os.listdir(os.path.join(config, service))):
                directory = os.path.join("config", service, name)
                own = {path: said for path, said in manifest["files"].items() if path.startswith(directory + "/")}
                if not own or not all(self._is_as_said(path, said) for path, said in own.items()):
                    yield directory
        yield os.path.join("releases", digest)

    def _move(self, source: str, target: str) -> None:
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        _sync_tree(source)
        aside = None
        if os.path.lexists(target):
            # A directory cannot be replaced in one step; a damaged one is moved out of the way first.
            aside = os.path.join(os.path.dirname(source), ".replaced-" + os.path.basename(target))
            os.rename(target, aside)
        os.rename(source, target)
        _sync_directory(os.path.dirname(target))
        if aside:
            shutil.rmtree(aside, ignore_errors=True)

    def ensure_directories(self, directories: Iterable[dict[str, Any]]) -> list[str]:
        """Make the data directories with their owners and modes; returns those that were not so."""
        mended = []
        for wanted in directories:
            path, mode = wanted["path"], int(wanted["mode"], 8)
            try:
                found = os.stat(path)
                if (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (mode, wanted["uid"], wanted["gid"]):
                    continue
            except FileNotFoundError:
                os.makedirs(path, mode=0o755)
            os.chown(path, wanted["uid"], wanted["gid"])
            os.chmod(path, mode)
            mended.append(path)
        return mended

    def switch(self, digest: str) -> bool:
        """Make ``current`` the release; true if it was not."""
        if self.current() == digest:
            return False
        aside = self.path(".current")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        os.symlink(os.path.join("releases", digest), aside)
        os.replace(aside, self.path("current"))
        _sync_directory(self.root)
        return True

    def prune(self, keep: int, needed: set[str], mounted: Iterable[str]) -> list[str]:
        """Remove all releases but the newest ``keep``, those needed, and whatever a container still mounts."""
        base = self.path("releases")
        digests = sorted(os.listdir(base), key=lambda name: os.stat(os.path.join(base, name)).st_mtime, reverse=True)
        kept = {*digests[:keep], *needed}
        removed = [digest for digest in digests if digest not in kept]
        configs: set[str] = set(mounted)
        for digest in kept:
            manifest = self.manifest(digest) or {"services": {}}
            configs.update(self.path("config", service, name) for service, name in manifest["services"].items())
        for digest in removed:
            shutil.rmtree(os.path.join(base, digest))
        for service in os.listdir(self.path("config")):
            for name in os.listdir(self.path("config", service)):
                directory = self.path("config", service, name)
                if directory not in configs:
                    shutil.rmtree(directory)
        return removed


def _safe(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        parts = member.name.split("/")
        if (
            not member.isfile()
            or member.name.startswith("/")
            or ".." in parts
            or parts[0] not in ("config", "releases")
        ):
            raise ReleaseError("bad-archive", f"the release archive has an unexpected member: {member.name}")
        yield member


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # A container's user must be able to enter its configuration, whatever root's umask is.
    os.chmod(os.path.dirname(path), 0o755)
    source = tar.extractfile(member)
    if source is None:
        raise ReleaseError("bad-archive", f"the release archive has no content for {member.name}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(source, file)
        os.fchown(file.fileno(), member.uid, member.gid)
        os.fchmod(file.fileno(), member.mode)
        file.flush()
        os.fsync(file.fileno())


def _write(path: str, content: bytes, mode: int) -> None:
    aside = path + ".new"
    with open(aside, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def _sync_tree(path: str) -> None:
    for directory, _directories, _files in os.walk(path):
        _sync_directory(directory)


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
