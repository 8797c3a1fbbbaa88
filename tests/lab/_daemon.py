# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Daemons that the lab starts, recorded so that it ends those and no others."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import _paths
from ._process import LabError, Log


def started_at(pid: int) -> str | None:
    """Return when a process started (ticks since boot, with the boot's id), or None when it does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # Third field of the file: the state; a zombie has ended. Twenty-second: the start time.
    return None if fields[0] == "Z" else f"{boot}:{fields[19]}"


def wait_until(what: str, seconds: float, condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds.

    :raises LabError: when it does not within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


class Daemon:
    """One daemon of the lab, by name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._record = _paths.RUN / f"{name}.json"

    def pid(self) -> int | None:
        """Return the pid of the daemon the lab started, or None when that one no longer runs."""
        try:
            record = json.loads(self._record.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return int(record["pid"]) if started_at(record["pid"]) == record["started"] else None

    def was_started(self) -> bool:
        """Tell whether the lab started the daemon and has not ended it; it may have died since."""
        return self._record.exists()

    def start(
        self, command: Sequence[str | Path], ready: Callable[[], bool], log: Log, env: Mapping[str, str] | None = None
    ) -> None:
        """Start the daemon in a session of its own and wait until it answers.

        :raises LabError: when it ends, or does not answer within a minute.
        """
        words = [str(word) for word in command]
        _paths.RUN.mkdir(mode=0o755, exist_ok=True)
        log.write("$ " + " ".join(words))
        with log.path.open("ab") as stream:
            process = subprocess.Popen(
                words,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        aside = self._record.with_suffix(".aside")
        aside.write_text(json.dumps({"pid": process.pid, "started": started_at(process.pid)}))
        aside.replace(self._record)

        def answers() -> bool:
            if process.poll() is not None:
                raise LabError(f"{self._name} ended with code {process.returncode}", log.path)
            return ready()

        try:
            wait_until(f"{self._name} does not answer", 60, answers)
        except LabError as error:
            raise LabError(str(error), log.path) from error

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the daemon that the lab started, if it runs: asked first, killed after 30 s."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, how)
            try:
                wait_until(f"{self._name} does not end", 30, lambda: self._gone(pid))
            except LabError:
                os.kill(pid, signal.SIGKILL)
                wait_until(f"{self._name} cannot be killed", 10, lambda: self._gone(pid))
        self._record.unlink(missing_ok=True)

    @staticmethod
    def _gone(pid: int) -> bool:
        # When this very process is the parent, the ended child must be collected to be gone.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return started_at(pid) is None
