# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Child processes for tests: run a function in a fork, and kill one at any of its steps on the file system."""

from __future__ import annotations

import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.torrust.deployer.plugins.plugin_utils._holder import Holder, current_holder

_STEPS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "shutil.rmtree"}


def fork(work: Callable[[], object]) -> int:
    """Runs ``work`` in a child; its exit status is 0 if it returned, 1 if it raised. Returns the child's pid."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def join(pid: int) -> int:
    """The exit status of a child: negative for the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run_at_once(works: list[Callable[[], object]]) -> None:
    """Runs each work in a child of its own, all let go together; fails if one fails."""
    gate, opener = os.pipe()

    def behind_the_gate(work: Callable[[], object]) -> None:
        os.close(opener)
        os.read(gate, 1)
        work()

    children = [fork(functools.partial(behind_the_gate, work)) for work in works]
    # The end of the pipe lets all of them through at once.
    os.close(opener)
    os.close(gate)
    assert [join(child) for child in children] == [0] * len(children)


def killed_at_every_step(work: Callable[[], object]) -> Iterator[int]:
    """Runs ``work`` again and again in a child that is killed before its first, second, ... step, yielding each time.

    A step is a call that changes or opens something; a write is killed with half of it written. Ends when a child
    comes through alive.
    """
    step = 0
    while True:
        step += 1
        status = join(fork(lambda: _killed_at(step, work)))  # noqa: B023 - the child runs before the next step
        if status == 0:
            return
        assert status == -signal.SIGKILL
        yield step


def _killed_at(last: int, work: Callable[[], object]) -> None:
    taken = 0

    def step() -> bool:
        nonlocal taken
        taken += 1
        return taken == last

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, _arguments: Any) -> None:
        if event in _STEPS and step():
            die()

    write, fsync = os.write, os.fsync

    def half_write(handle: int, content: bytes) -> int:
        if step():
            write(handle, bytes(content)[: len(content) // 2])
            die()
        return write(handle, content)

    def no_fsync(handle: int) -> None:
        if step():
            die()
        fsync(handle)

    # In a child that ends with this, nothing has to be put back.
    os.write, os.fsync = half_write, no_fsync  # type: ignore[assignment]
    sys.addaudithook(audit)
    work()


def own_holder() -> Holder:
    """This process as a holder of its own: a fork of the test runner would else be taken for the runner."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return replace(current_holder(), pid=os.getpid(), start_time=int(fields[19]))
