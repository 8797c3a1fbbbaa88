# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of the host role read from and write to the machine. Runs on hosts (Python >= 3.9)."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
import tempfile
from typing import Any, Callable

Run = Callable[[list[str]], tuple[int, str, str]]
"""Runs a command without a shell: exit code, standard output, standard error."""

DOCKER_SOCKET = "/run/docker.sock"
_DOCKER_TIMEOUT = 10.0

_PACKAGE_ROW = "${Package} ${Version} ${db:Status-Status}\\n"

# As the command's exit codes say it: something is wrong on the host.
EXIT_HOST = 10


class HostError(Exception):
    """Something on the host that a person must mend: a stable code, what failed, why, and what to do."""

    def __init__(self, code: str, message: str, next_step: str, cause: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_step = next_step
        self.cause = cause.strip()

    def result(self) -> dict[str, Any]:
        """The keys of a failed module's result: ``msg`` for a person, ``error`` as data."""
        lines = [self.message, *(f"  | {line}" for line in self.cause.splitlines()), f"  next:  {self.next_step}"]
        return {
            "msg": "\n".join(lines),
            "error": {
                "code": self.code,
                "message": self.message,
                "cause": self.cause,
                "next_step": self.next_step,
                "exit_code": EXIT_HOST,
            },
        }


def read_text(path: str) -> str | None:
    """The file's text; ``None`` if there is none (or a part of its path is missing)."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_text(path: str, text: str, mode: int = 0o644, check: Callable[[str], None] | None = None) -> None:
    """Replace the file in one step. An existing file keeps its mode and owner, and a symbolic link stays one.

    ``check`` is given the path of the new file before it counts; what it raises leaves the old one in place.
    """
    target = os.path.realpath(path)
    directory = os.path.dirname(target)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(target)}.", dir=directory)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            old = os.stat(target)
            os.chown(temporary, old.st_uid, old.st_gid)
            os.chmod(temporary, stat.S_IMODE(old.st_mode))
        except FileNotFoundError:
            os.chmod(temporary, mode)
        if check:
            check(temporary)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def remove(path: str) -> bool:
    """Remove a file or an empty directory. True if it was there."""
    try:
        if os.path.isdir(path):
            os.rmdir(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def last_lines(text: str, count: int = 15) -> str:
    """The end of a tool's output, which holds the reason."""
    return "\n".join(text.strip().splitlines()[-count:])


class _DockerConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(DOCKER_SOCKET)


def docker_get(path: str) -> Any | None:
    """What the Docker daemon answers to ``GET path``, parsed; ``None`` if it does not answer."""
    connection = _DockerConnection("docker", timeout=_DOCKER_TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        return json.loads(body) if response.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def units(run: Run, names: list[str]) -> dict[str, dict[str, str]]:
    """``ActiveState``, ``UnitFileState`` and ``LoadState`` of systemd units, by the names asked for."""
    found: dict[str, dict[str, str]] = {}
    _code, out, _err = run(["systemctl", "show", "--property=Id,ActiveState,UnitFileState,LoadState", "--", *names])
    for name, block in zip(names, out.split("\n\n")):
        found[name] = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    return found


def packages(run: Run, names: list[str]) -> dict[str, str]:
    """The versions of those of the Debian packages that are installed."""
    _code, out, _err = run(["dpkg-query", "--show", f"--showformat={_PACKAGE_ROW}", *names])
    rows = (line.split() for line in out.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}


def in_container() -> bool:
    """Whether the machine is a container guest, which shares its kernel with others."""
    return bool((read_text("/run/systemd/container") or "").strip())
