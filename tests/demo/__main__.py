# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``demo up | down``."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from .. import lab
from ..lab import _paths
from ..swarm import SwarmError, share

ROOT = Path(__file__).resolve().parents[2]
LAB = "tests/lab/lab"
ENV_FILE = "examples/lab/sqlite.yml"
NAME = "lab-sqlite"
# Where it is for every shell; the tests' runs put .venv/bin before their PATH, people need not.
COMMAND = ".venv/bin/torrust-tracker-deployer"

# There while the demo has the lab up, so that its end takes down what it brought up and nothing else.
OURS = _paths.CACHE / "up-for-the-demo"


class DemoError(Exception):
    """A step failed; its own output says why."""


class Demo:
    """One run, with its clock."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line with the time so far."""
        print(f"[{self.elapsed():4.0f} s] {text}", flush=True)

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.began

    def run(self, *words: str) -> None:
        """Run a command whose output is for the reader.

        :raises DemoError: when it ends with another code than 0.
        """
        self.say(f"$ {shlex.join(words)}")
        code = subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode
        if code:
            raise DemoError(f"`{shlex.join(words)}` ended with code {code}")

    def ask(self, *words: str) -> dict[str, Any]:
        """Run a verb of the product and return its document; its progress is for the reader.

        :raises DemoError: when it fails, with the product's own words.
        """
        self.say(f"$ {shlex.join((COMMAND, *words))}")
        done = subprocess.run(
            [COMMAND, *words, "--json"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        try:
            document: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise DemoError(f"{words[0]} ended with code {done.returncode} and no document") from None
        if not document["ok"]:
            error = document["error"]
            lines = [error["message"], *error.get("cause", "").splitlines(), f"next: {error['next_step']}"]
            raise DemoError("\n  | ".join(lines))
        return document

    def exists(self) -> bool:
        """Tell whether there is a record of the environment."""
        done = subprocess.run([COMMAND, "exists", NAME], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip() == "true"

    def have_lab(self) -> None:
        """Bring the lab up unless it is, and work with it from here on."""
        if lab.is_up():
            self.say("the lab is up")
        else:
            if not lab.is_up("lxd"):
                OURS.parent.mkdir(parents=True, exist_ok=True)
                OURS.touch()
            self.run(LAB, "up")
        os.environ.update(lab.environment())

    # -- the two verbs ----------------------------------------------------------------------------------------------

    def up(self) -> str:
        """Deploy, share, show. Returns the result line."""
        self.have_lab()
        deployed = self.ask("deploy", "--env-file", ENV_FILE)
        changed = deployed["changed"]
        self.say("it was there already: 0 changed" if not changed else f"deployed: {changed} changed")

        shown = self.ask("show", NAME)["result"]
        trackers = [url["url"] for url in shown["urls"] if url["kind"] in ("udp_tracker", "http_tracker")]
        if len(trackers) < 4:
            raise DemoError(f"UDP and HTTP on IPv4 and IPv6 are four URLs, yet show names {trackers}")
        self.say("sharing a file between two libtorrent processes that only the tracker can introduce")
        for url in trackers:
            self.say(f"  shared {share(url).text()}")

        print(flush=True)
        subprocess.run([COMMAND, "show", NAME], cwd=ROOT, check=True)
        print()
        print("look around:")
        print(f"  {COMMAND} test {NAME}")
        print(f"  {shown['infrastructure']['ssh_command']} sudo docker ps")
        print(f'  eval "$({LAB} env)"   # before provision, deploy or destroy: OpenTofu and the lab\'s provider')
        print("  make demo-down        # remove it all")
        print("not real in this run:")
        for sentence in lab.stand_ins():
            print(f"  {sentence}")
        verdict = shown["verdict"]
        if not verdict or not verdict["passed"]:
            raise DemoError("the tracker has no good verdict")
        what = "already there, 0 changed" if not changed else f"deployed, {changed} changed"
        return f"ok: {what}; verdict passed; a file shared through {len(trackers)} trackers; left running"

    def down(self) -> str:
        """Remove what `up` made. Returns the result line."""
        removed = "there was no environment"
        if self.exists():
            self.have_lab()
            self.ask("destroy", NAME, "--confirm", NAME)
            self.ask("purge", NAME, "--force")
            removed = "the environment is gone"
        if not OURS.exists():
            return f"ok: {removed}; the lab was not brought up by the demo and stays as it is"
        self.run(LAB, "down")
        OURS.unlink()
        return f"ok: {removed}, and the lab is down"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run one of the two; returns 0, or 1 when a step failed, or 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="demo", description="Deploy a tracker to a local guest and share a file.")
    parser.add_argument("verb", choices=("up", "down"), nargs="?", default="up")
    verb = parser.parse_args().verb
    signal.signal(signal.SIGTERM, _interrupt)
    demo = Demo()
    try:
        result, code = demo.up() if verb == "up" else demo.down(), 0
    except (DemoError, SwarmError, lab.LabError) as error:
        result, code = f"FAILED: {error}", 1
    except KeyboardInterrupt:
        result, code = f"interrupted; `demo {verb}` goes on from here", 130
    print(f"demo {verb}: {result} ({demo.elapsed():.0f} s)", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
