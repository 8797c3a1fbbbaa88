# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing parts up in the order of their needs, side by side where they are independent, and saying how it goes."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from . import _paths
from ._part import Part
from ._process import LabError, Log, stop_all

Say = Callable[[str], None]
_HEARTBEAT_SECONDS = 20.0


class PartError(LabError):
    """A part could not be brought up; ``part`` is its name."""

    def __init__(self, part: str, error: LabError) -> None:
        super().__init__(f"{part}: {error}", error.log)
        self.part = part


def closure(parts: Sequence[Part], names: Sequence[str]) -> list[Part]:
    """Return the named parts (all, when none is named) and whatever they need, needed ones first.

    :raises LabError: for a name that no part has.
    """
    by_name = {part.name: part for part in parts}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise LabError(f"no such part: {', '.join(unknown)} (there are: {', '.join(by_name)})")
    wanted: dict[str, Part] = {}

    def add(name: str) -> None:
        for need in by_name[name].needs:
            add(need)
        wanted.setdefault(name, by_name[name])

    for name in names or list(by_name):
        add(name)
    return list(wanted.values())


@contextmanager
def exclusive(say: Say) -> Iterator[None]:
    """Hold the lab's lock: one ``up`` or ``down`` at a time."""
    _paths.CACHE.mkdir(parents=True, exist_ok=True)
    with (_paths.CACHE / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another `lab up` or `lab down` to end")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _build(part: Part) -> None:
    log = Log(part.name)
    try:
        part.build(log)
        if not part.is_up():
            raise LabError("was built, yet is not up", log.path)
    except LabError as error:
        raise PartError(part.name, LabError(str(error), error.log or log.path)) from error


def up(parts: Sequence[Part], say: Say, workers: int = (os.cpu_count() or 1) + 1) -> bool:
    """Bring the parts up; ``parts`` holds all that its members need, needed ones first.

    Returns whether there was anything to do.

    :raises PartError: for the first part that fails. What runs beside it is stopped; its work is not lost.
    """
    down_parts = [part for part in parts if not part.is_up()]
    if not down_parts:
        return False
    with exclusive(say):
        began = time.monotonic()
        done = {part.name for part in parts if part.is_up()}
        waiting = [part for part in parts if part.name not in done]
        running: dict[Future[None], tuple[Part, float]] = {}

        def note(text: str) -> None:
            say(f"[{time.monotonic() - began:4.0f} s] {text}")

        with ThreadPoolExecutor(workers) as pool:
            try:
                while waiting or running:
                    for part in [one for one in waiting if done.issuperset(one.needs)]:
                        waiting.remove(part)
                        note(f"{part.name} …" + (f" (about {part.takes} the first time)" if part.takes else ""))
                        running[pool.submit(_build, part)] = (part, time.monotonic())
                    finished, _pending = wait(running, _HEARTBEAT_SECONDS, FIRST_COMPLETED)
                    for future in finished:
                        part, since = running.pop(future)
                        future.result()
                        done.add(part.name)
                        note(f"{part.name} is up ({time.monotonic() - since:.0f} s)")
                    if not finished:
                        now = time.monotonic()
                        at = ", ".join(f"{part.name} ({now - since:.0f} s)" for part, since in running.values())
                        note(f"still at {at}")
            except BaseException:
                stop_all()
                raise
    return True


def down(parts: Sequence[Part], say: Say) -> None:
    """Take the parts down, last first; a part that fails does not keep the others up.

    :raises PartError: the first failure, at the end.
    """
    failures: list[PartError] = []
    with exclusive(say):
        for part in reversed(parts):
            log = Log(f"{part.name}-down")
            try:
                part.down(log)
            except LabError as error:
                failures.append(PartError(part.name, LabError(str(error), error.log or log.path)))
    if failures:
        raise failures[0]
