# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running other programs: into a part's log, at low priority, and stoppable all at once."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import _paths

_TAIL_LINES = 20
# A killed lab cannot end what it started; the kernel can. What is half-built stays for the next time.
_DIES_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")
_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()
_stopping = threading.Event()


class LabError(Exception):
    """A part of the lab cannot be had. ``log`` is the file that says more, if there is one."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log

    def tail(self) -> list[str]:
        """Return the last lines of the log."""
        if self.log is None or not self.log.exists():
            return []
        return self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]


def stop_all() -> None:
    """End every program started through a log, with its children; further ones are refused."""
    _stopping.set()
    with _guard:
        processes = list(_running)
    for process in processes:
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            continue


class Log:
    """The log of one part: a new file per build, and the programs whose output goes there."""

    def __init__(self, part: str) -> None:
        self.path = _paths.LOGS / f"{part}.log"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")

    def write(self, text: str) -> None:
        """Append a line."""
        with self.path.open("a") as stream:
            stream.write(text.rstrip("\n") + "\n")

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: Path | None = None,
        stdout: Path | None = None,
    ) -> None:
        """Run a program to its end; its output goes to the log, or its standard output to the file ``stdout``.

        :raises LabError: when it cannot be started or ends with another code than 0.
        """
        words = [str(word) for word in command]
        self.write("$ " + " ".join(words))
        with (
            self.path.open("ab") as log,
            (stdin or Path(os.devnull)).open("rb") as source,
            (stdout or self.path).open("ab" if stdout is None else "wb") as sink,
        ):
            code = self._wait(words, cwd, {**os.environ, **(env or {})}, source.fileno(), sink.fileno(), log.fileno())
        if code != 0:
            raise LabError(f"{Path(words[0]).name} ended with code {code}", self.path)

    def _wait(
        self, words: list[str], cwd: Path | None, env: dict[str, str], stdin: int, stdout: int, stderr: int
    ) -> int:
        if _stopping.is_set():
            raise LabError("stopped", self.path)
        try:
            process = subprocess.Popen(
                [*_DIES_WITH_US, *words],
                cwd=cwd,
                env=env,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except OSError as error:
            raise LabError(f"cannot start {words[0]}: {error.strerror}", self.path) from error
        with _guard:
            _running.add(process)
        try:
            return process.wait()
        finally:
            with _guard:
                _running.discard(process)


def output(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
    """Run a short program and return its standard output.

    :raises LabError: with the program's own last words when it fails.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, env={**os.environ, **(env or {})}, input=stdin, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise LabError(f"cannot start {words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise LabError(f"{' '.join(words[:4])}: {said[-1] if said else f'ended with code {done.returncode}'}")
    return done.stdout
