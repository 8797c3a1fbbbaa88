# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times the verbs of the command on guests of the lab, the first time and again, and prints a table.

Nothing is asserted but that each verb succeeds. What it makes is named ``torrust-lab-bench-*`` and deleted at the end.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from ansible_collections.torrust.deployer.tests import lab
from ansible_collections.torrust.deployer.tests.e2e._deployer import BIN, Deployer, env_file
from ansible_collections.torrust.deployer.tests.lab import guests
from ansible_collections.torrust.deployer.tests.lab._lxd import get, lxc

# Environments; env_file() names the guest of each torrust-lab-<environment>.
HOST = "bench-host"
COLD = "bench-cold"
KEY = Path("/var/lib/torrust-deployer-lab/ssh/id_ed25519")


@dataclass(frozen=True)
class Sample:
    """One run of a verb: wall-clock seconds, steps that it took, how many changed something, ssh processes."""

    seconds: float
    tasks: int
    changed: int
    ssh: int


@dataclass(frozen=True)
class Row:
    """A verb on a machine that lacks its result, and again on one that has it."""

    name: str
    cold: Sample
    again: Sample


class Bench:
    """Runs verbs on one workspace, and counts the ``ssh`` processes through a wrapper that is first on PATH."""

    def __init__(self, directory: Path) -> None:
        self.deployer = Deployer(directory / "workspace")
        self._calls = directory / "ssh-calls"
        self._calls.touch()
        real = shutil.which("ssh")
        if real is None:
            raise SystemExit("there is no ssh on PATH")
        wrapper = directory / "bin/ssh"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\necho ssh >> {shlex.quote(str(self._calls))}\nexec {shlex.quote(real)} "$@"\n')
        wrapper.chmod(0o755)
        os.environ["PATH"] = f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}"

    def sample(self, *words: str) -> Sample:
        """Run a verb that must succeed. Raises AssertionError with the verb's error when it does not."""
        before = self._count()
        began = time.monotonic()
        outcome = self.deployer.good(*words)
        seconds = time.monotonic() - began
        print(f"  {words[0]}: {seconds:.1f} s", file=sys.stderr, flush=True)
        return Sample(seconds, len(outcome.document["steps"]), outcome.changed, self._count() - before)

    def _count(self) -> int:
        return len(self._calls.read_text().splitlines())


def existing_host(bench: Bench, directory: Path) -> list[Row]:
    """Series A: each verb on a machine that has Docker and the image, then each again."""

    def change(document: dict[str, Any]) -> None:
        document["provider"] = {"provider": "existing"}

    guest = guests.launch(_guest(HOST), KEY.with_suffix(".pub").read_text(), "torrust")
    path = env_file(directory / "host.yml", HOST, change)
    bench.deployer.good("create", "environment", "--env-file", str(path))
    verbs: list[tuple[str, ...]] = [("register", HOST, "--instance-ip", guest.ipv4)]
    verbs += [(verb, HOST) for verb in ("configure", "release", "run", "test")]
    cold = [bench.sample(*words) for words in verbs]
    again = [bench.sample(*words) for words in verbs]
    return [Row(words[0], *pair) for words, *pair in zip(verbs, cold, again, strict=True)]


def cold_deploy(bench: Bench, directory: Path) -> Row:
    """Series B: an env file to a machine that is made for it, then the same again."""
    path = env_file(directory / "cold.yml", COLD)
    words = ("deploy", "--env-file", str(path))
    return Row("deploy", bench.sample(*words), bench.sample(*words))


def report(rows: Sequence[Row], deploy: Row) -> Iterator[str]:
    """Yield the lines of the table and of the sums, in Markdown."""
    yield "| Verb | Cold (s) | Re-run (s) | Tasks, cold / re-run | Changed, cold / re-run | ssh, cold / re-run |"
    yield "|---|---:|---:|---:|---:|---:|"
    for row in (*rows, deploy):
        cold, again = row.cold, row.again
        yield (
            f"| {row.name} | {cold.seconds:.1f} | {again.seconds:.1f} | {cold.tasks} / {again.tasks} "
            f"| {cold.changed} / {again.changed} | {cold.ssh} / {again.ssh} |"
        )
    cold_sum = sum(row.cold.seconds for row in rows)
    again_sum = sum(row.again.seconds for row in rows)
    yield ""
    yield "| Sum | Cold (s) | Re-run (s) | Re-run / cold |"
    yield "|---|---:|---:|---:|"
    for name, cold_seconds, again_seconds in (
        ("register to green test, prepared host", cold_sum, again_sum),
        ("deploy, fresh guest", deploy.cold.seconds, deploy.again.seconds),
    ):
        yield f"| {name} | {cold_seconds:.1f} | {again_seconds:.1f} | {again_seconds / cold_seconds:.2f} |"


def _guest(environment: str) -> str:
    return f"torrust-lab-{environment}"


def _sweep() -> None:
    """Delete both guests, and the profile that a deploy makes, whether a verb has left them or not."""
    guests.delete(_guest(HOST))
    guests.delete(_guest(COLD))
    if get(f"profiles/{_guest(COLD)}") is not None:
        lxc("profile", "delete", _guest(COLD))


@contextmanager
def _directory() -> Iterator[Path]:
    """Yield a directory for everything that is written, with no guest of ours before or after."""
    with ExitStack() as stack:
        _sweep()
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="torrust-bench-")))
        stack.callback(_sweep)
        yield directory


def _end(number: int, frame: FrameType | None) -> None:
    """Leave by an exception, so that the guests are deleted."""
    raise SystemExit(128 + number)


def main() -> int:
    """Run both series and print what they took."""
    if os.geteuid() != 0:
        raise SystemExit("the lab needs root")
    if not lab.is_up():
        raise SystemExit("the lab is not up: run tests/lab/lab up")
    signal.signal(signal.SIGTERM, _end)
    os.environ.update(lab.environment())
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    # This tree, and no copy of the collection that is installed elsewhere.
    ours = sysconfig.get_path("purelib")
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = f"{ours}{os.pathsep}{os.environ['ANSIBLE_COLLECTIONS_PATH']}"
    with _directory() as directory:
        bench = Bench(directory)
        rows = existing_host(bench, directory)
        deploy = cold_deploy(bench, directory)
    print("\n".join(report(rows, deploy)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
