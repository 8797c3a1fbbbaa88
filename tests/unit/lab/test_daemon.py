# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Daemons are ended by record only: right pid, right start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.torrust.deployer.tests.lab import _paths
from ansible_collections.torrust.deployer.tests.lab._daemon import Daemon, started_at
from ansible_collections.torrust.deployer.tests.lab._process import LabError, Log


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_paths, "RUN", tmp_path / "run")
    monkeypatch.setattr(_paths, "LOGS", tmp_path / "log")
    yield
    Daemon("sleeper").stop()


SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_start_and_stop() -> None:
    daemon = Daemon("sleeper")
    assert daemon.pid() is None
    daemon.start(SLEEPER, lambda: True, Log("sleeper"))
    pid = daemon.pid()
    assert pid is not None
    daemon.stop()
    assert started_at(pid) is None
    assert daemon.pid() is None


def test_a_pid_that_another_process_has_now_is_left_alone() -> None:
    stranger = subprocess.Popen(SLEEPER)
    try:
        _paths.RUN.mkdir()
        (_paths.RUN / "sleeper.json").write_text(json.dumps({"pid": stranger.pid, "started": "another boot:1"}))
        daemon = Daemon("sleeper")
        assert daemon.pid() is None
        daemon.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_daemon_that_ends_at_once_is_an_error_with_its_words() -> None:
    with pytest.raises(LabError, match="ended with code 3") as caught:
        Daemon("sleeper").start(
            [sys.executable, "-c", "import sys; print('no socket'); sys.exit(3)"], lambda: False, Log("sleeper")
        )
    assert caught.value.tail()[-1] == "no socket"


def test_started_at_tells_processes_apart() -> None:
    assert started_at(os.getpid()) == started_at(os.getpid())
    assert started_at(os.getpid()) != started_at(1)
    assert started_at(2**22 + 1) is None
