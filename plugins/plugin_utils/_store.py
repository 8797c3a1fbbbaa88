# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where environments are kept: one interface (``Store``), and files on the controller behind it (``FileStore``).

A file store is a directory::

    <workspace>/data/<environment>/record.json   facts (_record.py)
                                   secrets.json  every secret of the environment, by name
                                   lease.json    who works on it at present (_lease.py), if anybody
                                   known_hosts   the pinned host keys, for ssh
                                   tofu/         the infrastructure's description and its OpenTofu state
                                   lock          held for the moment of each change

Directories are 0700 and files 0600. A file is the old or the new one, never a part of it. Reading needs no lock and
no right to write. A directory in ``data/`` without a record is not ours, and left alone.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import re
import secrets as random
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from ansible_collections.torrust.deployer.plugins.plugin_utils._durable import (
    explained,
    locked,
    make_directory,
    sweep,
    sync_directory,
    write_file,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import (
    Record,
    corrupt,
    from_document,
    to_document,
)

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
NAME_LIMIT = 63

Directory = Literal["tofu"]
File = Literal["known_hosts"]

_RECORD = "record.json"
_SECRETS = "secrets.json"
_LEASE = "lease.json"
_LOCK = "lock"
_SECRETS_FORMAT = 1
# Neither can be the name of an environment.
_NEW = ".new-"
_REMOVED = ".removed-"


class Store(Protocol):
    """What an environment needs kept. ``interface`` is the version of this protocol.

    Every method that takes a ``name`` raises ``DeployerError``: ``bad-environment-name``, ``environment-not-found``,
    or one of the ``workspace-*`` codes where the place cannot be read or written.
    """

    interface: int

    def names(self) -> list[str]:
        """The environments, sorted."""

    def exists(self, name: str) -> bool:
        """Whether there is an environment of that name."""

    def create(self, record: Record, secrets: Mapping[str, str]) -> None:
        """Adds an environment, complete or not at all. Of two at once, one gets ``environment-exists``."""

    def load(self, name: str) -> Record:
        """The record. ``record-corrupt`` or ``record-too-new`` where it cannot be understood."""

    def update(self, name: str, change: Callable[[Record], Record]) -> Record:
        """Replaces the record by what ``change`` makes of it, one change at a time; returns the new one.

        ``change`` must be pure and must not use the store. If it raises, nothing is written.
        """

    def secrets(self, name: str) -> dict[str, str]:
        """The secrets, by name."""

    def update_secrets(self, name: str, change: Callable[[dict[str, str]], Mapping[str, str]]) -> dict[str, str]:
        """As ``update``, for the secrets."""

    def lease(self, name: str) -> dict[str, Any] | None:
        """The lease document, if there is one."""

    def update_lease(
        self,
        name: str,
        change: Callable[[dict[str, Any] | None], dict[str, Any] | None],
    ) -> dict[str, Any] | None:
        """As ``update``, for the lease; None removes it."""

    def directory(self, name: str, part: Directory) -> Path:
        """A directory on this machine that a tool may work in; it stays with the environment."""

    def file(self, name: str, part: File) -> Path:
        """Where a tool finds that file on this machine; it need not exist."""

    def write_file(self, name: str, part: File, content: bytes) -> Path:
        """Replaces that file; returns where it lies."""

    def remove(self, name: str) -> None:
        """Removes the environment with its secrets: at once for everybody else, even if this process is killed."""


def check_name(name: str) -> str:
    """``name``, if it is one that an environment can have; so it is also safe as part of a path."""
    if NAME.fullmatch(name) and len(name) <= NAME_LIMIT:
        return name
    raise DeployerError(
        "bad-environment-name",
        f"{name[:80]!r} cannot be the name of an environment.",
        next_step=(
            "use lower-case letters, digits and single dashes, beginning with a letter, "
            f"at most {NAME_LIMIT} characters: my-tracker-2"
        ),
        exit_code=ExitCode.USAGE,
    )


class FileStore:
    """Environments as directories below ``workspace``; nothing is made before something is created."""

    interface = 1

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self._data = workspace / "data"

    def names(self) -> list[str]:
        with explained(self._data, "read the workspace"):
            try:
                entries = sorted(self._data.iterdir())
            except FileNotFoundError:
                return []
        return [entry.name for entry in entries if NAME.fullmatch(entry.name) and self._is_ours(entry)]

    def exists(self, name: str) -> bool:
        return self._is_ours(self._data / check_name(name))

    @staticmethod
    def _is_ours(place: Path) -> bool:
        with explained(place, "read the workspace"):
            try:
                return stat.S_ISREG((place / _RECORD).stat().st_mode)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def create(self, record: Record, secrets: Mapping[str, str]) -> None:
        place = self._data / check_name(record.name)
        with self._changing_the_list("create the environment"):
            if place.exists() or place.is_symlink():
                raise self._taken(place)
            new = self._data / f"{_NEW}{random.token_hex(8)}"
            try:
                make_directory(new)
                write_file(new / _SECRETS, _secrets_bytes(secrets))
                write_file(new / _RECORD, _bytes(to_document(record)))
                new.rename(place)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
            sync_directory(self._data)

    def _taken(self, place: Path) -> DeployerError:
        if self._is_ours(place):
            return DeployerError(
                "environment-exists",
                f"There is an environment {place.name!r} already.",
                where=str(place),
                next_step=f"choose another name, or look at it: torrust-tracker-deployer show {place.name}",
                exit_code=ExitCode.CONFLICT,
            )
        return DeployerError(
            "environment-name-taken",
            f"The place of an environment {place.name!r} is taken by something that is not one of ours.",
            where=str(place),
            next_step="move it away, choose another name, or another workspace (--working-dir)",
            exit_code=ExitCode.CONFLICT,
        )

    def load(self, name: str) -> Record:
        place = self._place(name)
        with explained(place / _RECORD, "read the record"), self._found(name):
            content = (place / _RECORD).read_bytes()
        return _parse_record(place / _RECORD, content, name)

    def update(self, name: str, change: Callable[[Record], Record]) -> Record:
        with self._changing(name, "write the record; the old one is intact") as place:
            present = _parse_record(place / _RECORD, (place / _RECORD).read_bytes(), name)
            changed = change(present)
            if changed.name != name:
                raise ValueError(f"a change of the record of {name!r} must keep its name")
            if changed != present:
                write_file(place / _RECORD, _bytes(to_document(changed)))
        return changed

    def secrets(self, name: str) -> dict[str, str]:
        place = self._place(name)
        with explained(place / _SECRETS, "read the secrets"), self._found(name):
            return _read_secrets(place)

    def update_secrets(self, name: str, change: Callable[[dict[str, str]], Mapping[str, str]]) -> dict[str, str]:
        with self._changing(name, "write the secrets; the old ones are intact") as place:
            changed = dict(change(_read_secrets(place)))
            write_file(place / _SECRETS, _secrets_bytes(changed))
        return changed

    def lease(self, name: str) -> dict[str, Any] | None:
        place = self._place(name)
        with explained(place / _LEASE, "read the lease"):
            return _read_lease(place)

    def update_lease(
        self,
        name: str,
        change: Callable[[dict[str, Any] | None], dict[str, Any] | None],
    ) -> dict[str, Any] | None:
        with self._changing(name, "write the lease") as place:
            changed = change(_read_lease(place))
            if changed is None:
                (place / _LEASE).unlink(missing_ok=True)
                sync_directory(place)
            else:
                write_file(place / _LEASE, _bytes(changed))
        return changed

    def directory(self, name: str, part: Directory) -> Path:
        path = self._place(name) / part
        if not path.is_dir():
            with self._changing(name, f"make the directory {part}"):
                make_directory(path)
        return path

    def file(self, name: str, part: File) -> Path:
        return self._place(name) / part

    def write_file(self, name: str, part: File, content: bytes) -> Path:
        with self._changing(name, f"write {part}") as place:
            write_file(place / part, content)
        return place / part

    def remove(self, name: str) -> None:
        self._place(name)
        removed = self._data / f"{_REMOVED}{random.token_hex(8)}"
        with (
            self._changing_the_list("remove the environment"),
            self._changing(name, "remove the environment") as place,
        ):
            # Renamed first: from here on it is gone for everybody, and whoever changes the list next clears it away.
            place.rename(removed)
            sync_directory(self._data)
        with (
            explained(removed, "clear away the removed environment"),
            contextlib.suppress(FileNotFoundError),
        ):
            shutil.rmtree(removed)

    def _place(self, name: str) -> Path:
        """The directory of an existing environment."""
        if not self.exists(name):
            raise self._missing(name)
        return self._data / name

    def _missing(self, name: str) -> DeployerError:
        near = difflib.get_close_matches(name, self.names(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return DeployerError(
            "environment-not-found",
            f"There is no environment {name!r}.{hint}",
            where=str(self._data),
            next_step=(
                "see which there are: torrust-tracker-deployer list; or create it: "
                "torrust-tracker-deployer create environment --env-file FILE"
            ),
            exit_code=ExitCode.NOT_FOUND,
        )

    @contextlib.contextmanager
    def _found(self, name: str) -> Iterator[None]:
        """An environment that vanishes while it is read or changed was removed by somebody else."""
        try:
            yield
        except FileNotFoundError:
            if self.exists(name):
                raise _incomplete(self._data / name) from None
            raise self._missing(name) from None

    @contextlib.contextmanager
    def _changing(self, name: str, doing: str) -> Iterator[Path]:
        """The environment's directory, locked for one change."""
        place = self._place(name)
        with explained(place, doing), self._found(name), locked(place / _LOCK):
            sweep(place)
            yield place

    @contextlib.contextmanager
    def _changing_the_list(self, doing: str) -> Iterator[None]:
        """The lock under which environments come and go; what killed ones left is cleared away."""
        with explained(self._data, doing):
            make_directory(self._data)
            with locked(self._data / f".{_LOCK}"):
                for leftover in (
                    *self._data.glob(f"{_NEW}*"),
                    *self._data.glob(f"{_REMOVED}*"),
                ):
                    shutil.rmtree(leftover, ignore_errors=True)
                yield


def _bytes(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def _secrets_bytes(secrets: Mapping[str, str]) -> bytes:
    return _bytes({"format": _SECRETS_FORMAT, "secrets": dict(secrets)})


def _parse_record(path: Path, content: bytes, name: str) -> Record:
    try:
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise corrupt(f"not JSON: {error}") from None
        record = from_document(document)
        if record.name != name:
            raise corrupt(f"it says it is the record of {record.name!r}")
    except DeployerError as error:
        error.where = str(path)
        raise
    return record


def _read_secrets(place: Path) -> dict[str, str]:
    path = place / _SECRETS
    try:
        document = json.loads(path.read_bytes())
        if document["format"] == _SECRETS_FORMAT and all(isinstance(v, str) for v in document["secrets"].values()):
            return dict(document["secrets"])
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        pass
    raise DeployerError(
        "secrets-corrupt",
        "The secrets of this environment cannot be read: the file was damaged, edited or written by a newer version.",
        where=str(path),
        next_step="put the file back from a backup, or update torrust.deployer; nothing was changed",
        exit_code=ExitCode.CONFLICT,
    )


def _read_lease(place: Path) -> dict[str, Any] | None:
    path = place / _LEASE
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return document
    raise DeployerError(
        "lease-corrupt",
        "The lease of this environment cannot be read: the file was damaged or edited.",
        where=str(path),
        next_step=f"make sure that nobody works on this environment, then remove that file: rm {path}",
        exit_code=ExitCode.CONFLICT,
    )


def _incomplete(place: Path) -> DeployerError:
    return DeployerError(
        "environment-incomplete",
        "A file of this environment is missing, which this program never removes alone.",
        where=str(place / _SECRETS),
        next_step="put the directory back from a backup; nothing was changed",
        exit_code=ExitCode.CONFLICT,
    )
