# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting: what is worth waiting for and what is not, when host keys are believed, what the machine says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils import _reach, _ssh
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError
from ansible_collections.torrust.deployer.plugins.plugin_utils._reach import Machine, Waiter
from ansible_collections.torrust.deployer.plugins.plugin_utils._ssh import Reason, Seen, Session, Target

OLD = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBAQdvjHaivLSq0cUsDLgRuBunPE6Nga/t3iyKH0VbsT"
NEW = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIBupGuhiTOUxTFGOiSC83/o5B9tfhrt2iIRZ0byJtU0"
TARGET = Target("192.0.2.1", 22, "torrust", "/key", Path("/known_hosts"))
WELL = "sudo=yes\npython=3.13\nipv4=192.0.2.1\nipv6=fd00::1\n"


class World:
    """A machine that answers from lists (the last answer stays), and a clock that only moves in pauses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.pinned: list[tuple[str, ...]] = []
        self._patch = monkeypatch
        self.key(Seen(Reason.OK))
        self.port([Seen(Reason.OK)])
        self.keys([(OLD,)])
        self.sessions([Session(Seen(Reason.OK), 0, WELL)])

    @staticmethod
    def _in_turn[T](answers: Iterable[T]) -> Iterator[T]:
        last: list[T] = []
        for answer in answers:
            last = [answer]
            yield answer
        while True:
            yield last[0]

    def key(self, seen: Seen) -> None:
        self._patch.setattr(_ssh, "look_at_key", lambda path: seen)

    def port(self, answers: Iterable[Seen]) -> None:
        turns = self._in_turn(answers)
        self._patch.setattr(_ssh, "look_at_port", lambda host, port, timeout: next(turns))

    def keys(self, answers: Iterable[tuple[str, ...]]) -> None:
        turns = self._in_turn(answers)
        self._patch.setattr(_ssh, "scan_host_keys", lambda target, timeout: next(turns))

    def sessions(self, answers: Iterable[Session]) -> None:
        turns = self._in_turn(answers)
        self._patch.setattr(_ssh, "run_script", lambda target, script, connect_timeout, timeout: next(turns))

    def wait(
        self, timeout: float = 300, grace: float = 30, pinned: tuple[str, ...] = (), accept: str | None = None
    ) -> Machine:
        def pause(seconds: float) -> None:
            self.now += seconds

        return Waiter(
            TARGET,
            timeout,
            grace,
            pinned,
            self.pinned.append,
            accept,
            "go on",
            "play",
            clock=lambda: self.now,
            pause=pause,
        ).wait()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_machine_that_is_well(world: World) -> None:
    assert world.wait() == Machine((OLD,), "yes", (3, 13), "192.0.2.1", "fd00::1")
    assert world.now == 0
    assert world.pinned == [(OLD,)]


def test_a_booting_machine_is_waited_for(world: World) -> None:
    booting = [Seen(Reason.NO_ROUTE), Seen(Reason.TIMEOUT), Seen(Reason.REFUSED), Seen(Reason.NO_BANNER)]
    world.port([*booting, Seen(Reason.OK)])
    world.sessions([Session(Seen(Reason.DROPPED)), Session(Seen(Reason.OK), 0, WELL)])
    assert world.wait().sudo == "yes"


@pytest.mark.parametrize("reason", [Reason.REFUSED, Reason.TIMEOUT, Reason.NO_BANNER])
def test_the_time_is_up(world: World, reason: Reason) -> None:
    world.port([Seen(reason, "the tool's words")])
    with pytest.raises(DeployerError) as caught:
        world.wait(timeout=20)
    assert caught.value.code == reason.value
    assert caught.value.cause == "the tool's words"
    assert "go on" in caught.value.next_step
    assert 20 <= world.now <= 21


@pytest.mark.parametrize(("reason", "seconds"), [(Reason.NAME, 10), (Reason.NO_ROUTE, 60)])
def test_what_does_not_get_better_is_not_waited_for(world: World, reason: Reason, seconds: float) -> None:
    world.port([Seen(reason)])
    with pytest.raises(DeployerError) as caught:
        world.wait(timeout=300)
    assert caught.value.code == reason.value
    assert seconds <= world.now <= seconds + 1


def test_a_key_file_that_cannot_be_used_ends_it_at_once(world: World) -> None:
    world.key(Seen(Reason.KEY_UNUSABLE, "it has a passphrase"))
    with pytest.raises(DeployerError) as caught:
        world.wait()
    assert caught.value.code == "key-unusable"
    assert world.now == 0


def test_a_rejected_key_ends_it_at_once_without_grace(world: World) -> None:
    world.sessions([Session(Seen(Reason.KEY_REJECTED, "Permission denied (publickey)."))])
    with pytest.raises(DeployerError) as caught:
        world.wait(grace=0)
    assert caught.value.code == "key-rejected"
    assert world.now == 0


def test_a_rejected_key_may_become_good_within_the_grace(world: World) -> None:
    rejected = Session(Seen(Reason.KEY_REJECTED))
    world.sessions([rejected, rejected, Session(Seen(Reason.OK), 0, WELL)])
    assert world.wait(grace=30).sudo == "yes"


def test_the_grace_ends(world: World) -> None:
    world.sessions([Session(Seen(Reason.KEY_REJECTED))])
    with pytest.raises(DeployerError):
        world.wait(timeout=300, grace=30)
    assert world.now <= 30


def test_a_changed_host_key_is_refused_with_both_fingerprints(world: World) -> None:
    world.keys([(NEW,)])
    with pytest.raises(DeployerError) as caught:
        world.wait(pinned=(OLD,))
    assert caught.value.code == "host-key-changed"
    assert _ssh.fingerprint(OLD) in caught.value.cause
    assert _ssh.fingerprint(NEW) in caught.value.cause
    assert f"play -e accept_host_key={_ssh.fingerprint(NEW)}" in caught.value.next_step
    assert world.pinned == []


def test_a_changed_host_key_is_accepted_by_its_fingerprint_only(world: World) -> None:
    world.keys([(NEW,)])
    with pytest.raises(DeployerError):
        world.wait(pinned=(OLD,), accept=_ssh.fingerprint(OLD))
    assert world.wait(pinned=(OLD,), accept=_ssh.fingerprint(NEW)).host_keys == (NEW,)
    assert world.pinned == [(NEW,)]


def test_cloud_init_that_failed_says_why(world: World) -> None:
    told = "cloud_init=1\ncloud_init_line=status: error\ncloud_init_line=errors:\ncloud_init_line=\t- no such module\n"
    world.sessions([Session(Seen(Reason.OK), 0, told + WELL)])
    with pytest.raises(DeployerError) as caught:
        world.wait()
    assert caught.value.code == "cloud-init-failed"
    assert caught.value.cause == "- no such module"


def test_cloud_init_that_recovered_warns(world: World) -> None:
    told = (
        "cloud_init=2\ncloud_init_line=status: done\ncloud_init_line=recoverable_errors:\ncloud_init_line=\t- odd key\n"
    )
    world.sessions([Session(Seen(Reason.OK), 0, told + WELL)])
    assert world.wait().warnings == ("cloud-init: - odd key",)


def test_problems_are_all_named_at_once() -> None:
    machine = Machine((OLD,), "sudo: a password is required", (3, 8), None, None)
    found = _reach.problems(machine, TARGET)
    assert len(found) == 2
    assert "a password is required" in found[0]
    assert "3.8" in found[1]
    assert _reach.problems(Machine((OLD,), "yes", (3, 9), None, None), TARGET) == []


def test_a_machine_without_python() -> None:
    assert "is not there" in _reach.problems(Machine((OLD,), "yes", None, None, None), TARGET)[0]
