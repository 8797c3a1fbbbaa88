# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are either the old or the new one, whatever happens in between: a kill, a full disk, a power cut.

A file is written aside in its own directory, synced, renamed over the old one, and the directory is synced. What a
killed writer leaves aside is never read; ``sweep`` removes it. Everything made here is for its owner only, whatever
the umask.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

_ASIDE = ".aside-"


@contextlib.contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turns an ``OSError`` inside into a ``DeployerError`` with a next step; ``doing`` completes "Could not ..."."""
    try:
        yield
    except OSError as error:
        raise _explain(error, path, doing) from error


def _explain(error: OSError, path: Path, doing: str) -> DeployerError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        code, step = "workspace-full", "free some space there, then run the same command again"
    elif error.errno in (errno.EACCES, errno.EPERM):
        code, step = "workspace-denied", "run as the account that owns it, or give this one access, then try again"
    elif error.errno == errno.EROFS:
        code, step = "workspace-read-only", "mount it writable or choose another workspace (--working-dir)"
    elif error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP):
        code, step = "workspace-misplaced", "see what lies there in place of a directory, move it away, then try again"
    else:
        code, step = "workspace-failed", "check that disk, then run the same command again"
    return DeployerError(
        code,
        f"Could not {doing}.",
        where=str(path),
        cause=error.strerror or str(error),
        next_step=step,
        exit_code=ExitCode.CONFLICT,
    )


def make_directory(path: Path) -> None:
    """Makes ``path`` and what is missing above it, each for the owner only; an existing directory is left as it is."""
    missing = [path, *path.parents]
    for directory in reversed(missing[: next(i for i, each in enumerate(missing) if os.path.lexists(each))]):
        try:
            directory.mkdir(0o700)
        except FileExistsError:
            continue
        directory.chmod(0o700)
        sync_directory(directory.parent)


def sync_directory(path: Path) -> None:
    """Makes the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, content: bytes) -> None:
    """Puts ``content`` at ``path`` with mode 0600, durably; after an error the old file is there, alone."""
    aside = path.parent / f"{_ASIDE}{secrets.token_hex(8)}"
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        try:
            os.fchmod(handle, 0o600)
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        aside.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise
    sync_directory(path.parent)


def sweep(directory: Path) -> None:
    """Removes what killed writers left in ``directory``. Only for who holds the lock under which it is written."""
    for leftover in directory.glob(f"{_ASIDE}*"):
        leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file ``path`` (made if missing) for as long as the block runs; others wait.

    The kernel drops the lock with its holder, however that ends. A lock file that was moved away while we waited for
    it guards nothing any more: then the present one is taken. ``FileNotFoundError`` where its directory is gone.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            mine = os.fstat(handle)
            try:
                there = path.stat()
            except FileNotFoundError:
                continue
            if (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino):
                continue
            yield
            return
        finally:
            os.close(handle)
