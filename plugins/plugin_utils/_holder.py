# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds an operation: one process, recognised again later even when its pid has been given to another.

Ansible runs every action in a worker that is forked and gone again after the task. The process that an operation
belongs to is therefore found by walking up from the present one as long as the parent runs the same program image,
without an ``exec`` in between: from a worker that is ``ansible-playbook`` itself, from a plain command it is the
command.
"""

from __future__ import annotations

import os
import pwd
import select
import socket
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Holder:
    """One process on one boot of one machine.

    ``start_time``: clock ticks since boot (field 22 of ``/proc/<pid>/stat``). ``pid_namespace``: as the kernel names it
    (``pid:[4026531836]``), since a pid means nothing outside it. ``machine_id``: empty where the machine has none.
    ``image``: where its program lies in memory, which its forks share; empty where the kernel does not say.
    """

    pid: int
    start_time: int
    boot_id: str
    pid_namespace: str
    machine_id: str
    host: str
    user: str
    image: str = ""

    def text(self) -> str:
        """For messages: ``process 4711 of anna on build-1``."""
        return f"process {self.pid} of {self.user} on {self.host}"

    def is_same_process(self, other: Holder) -> bool:
        """Whether both mean one process, whatever the names of its user or host have become meanwhile."""
        mine = (self.pid, self.start_time, self.boot_id, self.pid_namespace)
        return mine == (other.pid, other.start_time, other.boot_id, other.pid_namespace)


class Liveness(Enum):
    """What can be known about a holder from here."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class _Process:
    """What ``/proc`` says of a process.

    ``image`` is where code, stack and data begin (fields 26 to 28, 45 and 46 of ``stat``): equal for a process and
    those it forked, until one calls exec, and, as addresses are random, for no others. A worker that changes its title
    keeps it. Empty where the kernel does not say (a sandbox, a process of somebody else).
    """

    state: str
    parent: int
    start_time: int
    image: str

    @property
    def ended(self) -> bool:
        """Whether only its entry is left, for its parent to collect."""
        return self.state in {"Z", "X", "x"}


def _process(pid: int, proc: Path) -> _Process | None:
    """The process, or None where none is to be seen.

    The program's name stands in brackets and may hold blanks and brackets itself: the fields start after the last one.
    """
    try:
        text = (proc / str(pid) / "stat").read_bytes()
        fields = text[text.rindex(b")") + 2 :].decode("ascii").split()
    except (FileNotFoundError, ProcessLookupError, PermissionError, ValueError):
        return None
    layout = (*fields[23:26], *fields[42:44])
    return _Process(fields[0], int(fields[1]), int(fields[19]), "" if "0" in layout[:3] else "-".join(layout))


def _is_fork(child: _Process, parent: _Process, pids: tuple[int, int], proc: Path) -> bool:
    """Whether ``child`` runs the program of ``parent`` without an exec in between.

    Where the kernel does not tell their images, equal command lines have to do.
    """
    if child.image or parent.image:
        return child.image == parent.image
    mine, theirs = (_first_line(proc / str(pid) / "cmdline") for pid in pids)
    return mine == theirs != ""


def _first_line(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def current_holder(proc: Path = _PROC, machine_id: Path = Path("/etc/machine-id")) -> Holder:
    """The process that the present one works for: the ``ansible-playbook`` of a worker, else the process itself."""
    pid = os.getpid()
    found = _process(pid, proc)
    if found is None:
        raise RuntimeError(f"{proc} does not show this process: the controller must be Linux with /proc mounted")
    while (parent := _process(found.parent, proc)) and _is_fork(found, parent, (pid, found.parent), proc):
        pid, found = found.parent, parent
    return Holder(
        pid=pid,
        start_time=found.start_time,
        boot_id=_first_line(proc / "sys/kernel/random/boot_id"),
        pid_namespace=str((proc / "self/ns/pid").readlink()),
        machine_id=_first_line(machine_id),
        host=socket.gethostname(),
        user=_user(),
        image=found.image,
    )


def liveness(holder: Holder, here: Holder, proc: Path = _PROC) -> Liveness:
    """Whether ``holder`` still runs, as far as the process ``here`` can tell.

    On another boot of this very machine it has ended with that boot. In another pid namespace, or on a machine that
    may be another one, nothing can be told. A pid that was given to a later process has another start time.
    """
    if holder.boot_id != here.boot_id:
        same_machine = holder.machine_id == here.machine_id != "" and holder.host == here.host
        return Liveness.DEAD if same_machine else Liveness.UNKNOWN
    if holder.pid_namespace != here.pid_namespace:
        return Liveness.UNKNOWN
    found = _process(holder.pid, proc)
    if found is None:
        # A /proc mounted with hidepid does not show other users' processes, but the kernel still knows them.
        return Liveness.UNKNOWN if _exists_unseen(holder.pid) else Liveness.DEAD
    return Liveness.DEAD if found.ended or found.start_time != holder.start_time else Liveness.ALIVE


def survivors(holder: Holder, here: Holder, proc: Path = _PROC) -> list[int]:
    """The workers of a dead ``holder`` that still run, as after a ``kill -9``: they finish the task they are at."""
    if not holder.image or holder.image == here.image:
        return []
    pids = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())
    found = {pid: seen for pid in pids if (seen := _process(pid, proc)) is not None}
    return [pid for pid, seen in found.items() if seen.image == holder.image and not seen.ended]


def wait_for_end(pids: list[int], seconds: float) -> bool:
    """Waits until all these processes have ended, at most ``seconds`` in all; whether they have."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([handle], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return False
        finally:
            os.close(handle)
    return True


def _exists_unseen(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # Visible to us by now: it came between the two looks, so it is a later process with the same pid.
    return False
