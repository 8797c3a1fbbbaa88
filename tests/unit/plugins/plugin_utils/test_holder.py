# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holders: who this process works for, and whether another one still lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils import _holder
from ansible_collections.torrust.deployer.plugins.plugin_utils._holder import Liveness, current_holder, liveness

from .forks import fork, join, own_holder
from .records import HOLDER

# A process that says its holder, forks a worker, says that one's pid and its holder too; both wait to be killed.
PROGRAM = """
import os, signal
from ansible_collections.torrust.deployer.plugins.plugin_utils._holder import current_holder
print(current_holder().pid, flush=True)
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), current_holder().pid, flush=True)
signal.pause()
"""


def test_a_plain_program_is_its_own_holder_and_its_workers() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        (own,) = program.stdout.readline().split()
        worker, of_worker = program.stdout.readline().split()
        os.kill(int(worker), signal.SIGKILL)
        program.kill()
    assert int(own) == int(of_worker) == program.pid
    assert int(worker) != program.pid


def test_a_worker_that_outlives_its_killed_program_is_found_and_awaited() -> None:
    here = current_holder()
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        program.stdout.readline()
        worker = int(program.stdout.readline().split()[0])
        stat = _holder._process(program.pid, Path("/proc"))
        assert stat is not None
        holder = replace(here, pid=program.pid, start_time=stat.start_time, image=stat.image)
        assert liveness(holder, here) is Liveness.ALIVE
        program.kill()
    assert liveness(holder, here) is Liveness.DEAD
    assert _holder.survivors(holder, here) == [worker]
    assert not _holder.wait_for_end([worker], 0)
    os.kill(worker, signal.SIGKILL)
    assert _holder.wait_for_end([worker], 30)
    assert _holder.survivors(holder, here) == []


def test_the_present_process_lives() -> None:
    here = current_holder()
    assert here.boot_id
    assert here.pid_namespace.startswith("pid:[")
    assert liveness(here, here) is Liveness.ALIVE


def test_a_zombie_is_dead() -> None:
    reading, writing = os.pipe()
    here = current_holder()

    def tell() -> None:
        os.write(writing, f"{own_holder().start_time}".encode())

    child = fork(tell)
    start_time = int(os.read(reading, 100))
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{child}").exists()
    assert liveness(replace(here, pid=child, start_time=start_time), here) is Liveness.DEAD
    join(child)
    os.close(reading)
    os.close(writing)


def test_a_pid_given_to_another_process_is_dead() -> None:
    here = current_holder()
    assert liveness(replace(here, start_time=here.start_time - 1), here) is Liveness.DEAD


def test_a_pid_that_is_gone_is_dead() -> None:
    here = current_holder()
    child = fork(lambda: None)
    join(child)
    assert liveness(replace(here, pid=child), here) is Liveness.DEAD


def test_a_process_that_proc_hides_may_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def forbidden(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert liveness(HOLDER, HOLDER, tmp_path) is Liveness.UNKNOWN


@pytest.mark.parametrize(
    ("elsewhere", "expected"),
    [
        ({"pid_namespace": "pid:[2]"}, Liveness.UNKNOWN),
        ({"boot_id": "boot-2"}, Liveness.DEAD),
        ({"boot_id": "boot-2", "machine_id": "machine-2"}, Liveness.UNKNOWN),
        ({"boot_id": "boot-2", "host": "build-2"}, Liveness.UNKNOWN),
        ({"boot_id": "boot-2", "pid_namespace": "pid:[2]"}, Liveness.DEAD),
    ],
)
def test_what_is_elsewhere_is_judged_by_what_can_be_known(
    tmp_path: Path, elsewhere: dict[str, str], expected: Liveness
) -> None:
    here = replace(HOLDER, **elsewhere)  # type: ignore[arg-type]
    assert liveness(HOLDER, here, tmp_path) is expected


def test_machines_without_an_identity_are_not_taken_for_one(tmp_path: Path) -> None:
    one = replace(HOLDER, machine_id="")
    assert liveness(one, replace(one, boot_id="boot-2"), tmp_path) is Liveness.UNKNOWN


def _proc(proc: Path, pid: int, *, name: str = "python", parent: int = 1, image: str = "0", cmdline: str = "") -> None:
    fields = ["S", str(parent), *["0"] * 17, "77", *["0"] * 3, *[image] * 3, *["0"] * 14, *[image] * 2]
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")
    (proc / str(pid) / "cmdline").write_text(cmdline)


def _own_proc(proc: Path) -> None:
    (proc / "self/ns").mkdir(parents=True)
    (proc / "self/ns/pid").symlink_to("pid:[9]")


@pytest.mark.parametrize("name", ["python", "a) S 1 (b", ") Z 0", "two words"])
def test_no_name_of_a_program_fools_the_reader(tmp_path: Path, name: str) -> None:
    _proc(tmp_path, 4711, name=name, parent=12, image="5")
    found = _holder._process(4711, tmp_path)
    assert found is not None
    assert (found.state, found.parent, found.start_time, found.ended) == ("S", 12, 77, False)


def test_without_images_equal_command_lines_make_a_worker(tmp_path: Path) -> None:
    _own_proc(tmp_path)
    _proc(tmp_path, os.getpid(), parent=500, cmdline="ansible-playbook\0x.yml")
    _proc(tmp_path, 500, parent=400, cmdline="ansible-playbook\0x.yml")
    _proc(tmp_path, 400, parent=1, cmdline="bash")
    holder = current_holder(tmp_path, tmp_path / "no-machine-id")
    assert (holder.pid, holder.machine_id, holder.boot_id, holder.pid_namespace) == (500, "", "", "pid:[9]")


def test_a_parent_with_another_image_ends_the_walk(tmp_path: Path) -> None:
    _own_proc(tmp_path)
    _proc(tmp_path, os.getpid(), parent=500, image="5", cmdline="same")
    _proc(tmp_path, 500, parent=400, image="5", name="renamed", cmdline="[worker] renamed")
    _proc(tmp_path, 400, parent=1, image="6", cmdline="same")
    assert current_holder(tmp_path).pid == 500
