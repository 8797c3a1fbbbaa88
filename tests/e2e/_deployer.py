# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The product as its users have it: the command, the playbooks and the files of the workspace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/lab/sqlite.yml"
BIN = Path(sys.executable).parent

# Seconds after which a verb is taken for hung: several times the slowest, a cold deploy.
_PATIENCE = 400
# How often a condition of a running verb is looked at, in seconds: phases last some tenths of a second.
_POLL = 0.02


@dataclass(frozen=True)
class Outcome:
    """How a verb ended: exit code, document of ``--json`` and progress."""

    code: int
    document: dict[str, Any]
    stderr: str

    @property
    def changed(self) -> int:
        """The number of changes."""
        return int(self.document["changed"])

    @property
    def changed_steps(self) -> list[str]:
        """The steps that changed something, without the role they are of."""
        return [step["name"].rpartition(": ")[2] for step in self.document["steps"] if step["changed"]]

    @property
    def error(self) -> dict[str, Any]:
        """The error that it ended with."""
        assert not self.document["ok"], self.document
        return dict(self.document["error"])


@dataclass
class Deployer:
    """The command on one workspace; ``outputs`` collects all that was ever printed."""

    workspace: Path
    outputs: list[str] = field(default_factory=list)

    def run(self, *words: str) -> Outcome:
        """Run a verb to its end, whatever that is."""
        done = subprocess.run(
            self._command(*words),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
        self.outputs += [done.stdout, done.stderr]
        try:
            document = json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"{words} printed no document:\n{done.stdout}\n{done.stderr}") from None
        return Outcome(done.returncode, document, done.stderr)

    def good(self, *words: str) -> Outcome:
        """Run a verb that must succeed."""
        outcome = self.run(*words)
        assert outcome.code == 0, (
            f"{words} failed:\n{json.dumps(outcome.document['error'], indent=1)}\n{outcome.stderr}"
        )
        assert outcome.document["ok"]
        return outcome

    def bad(self, *words: str) -> dict[str, Any]:
        """Run a verb that must fail, and return its error; the exit code is what the document says."""
        outcome = self.run(*words)
        assert outcome.code != 0, f"{words} did not fail"
        assert outcome.code == outcome.error["exit_code"], outcome.document
        assert outcome.error["next_step"], "an error must say what to do"
        return outcome.error

    def kill_when(self, condition: Callable[[], bool], *words: str, with_children: bool) -> None:
        """Start a verb and kill it the hard way, alone or with all that it has started, once the condition is true."""
        process = subprocess.Popen(
            self._command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if process.poll() is not None or time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(f"{words} ended before it could be killed:\n{process.communicate()[0]}")
            time.sleep(_POLL)
        if with_children:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        # What it started may hold its output open for a while: it is not waited for.
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def playbook(self, verb: str, directory: Path, **extra: str) -> str:
        """Run ``ansible-playbook torrust.deployer.<verb>`` from a directory; returns what it printed."""
        done = subprocess.run(
            [
                *(str(BIN / "ansible-playbook"), f"torrust.deployer.{verb}"),
                *("--extra-vars", json.dumps({**extra, "workspace": str(self.workspace)})),
            ],
            check=False,
            cwd=directory,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
        )
        self.outputs += [done.stdout, done.stderr]
        assert done.returncode == 0, f"{verb} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def record(self, name: str) -> dict[str, Any]:
        """Return the record of an environment."""
        document: dict[str, Any] = json.loads((self.workspace / "data" / name / "record.json").read_text())
        return document

    def phase(self, name: str) -> tuple[str, str]:
        """Return verb and phase of the operation that is open; two empty texts when none is."""
        operation = self.record(name)["operation"] or {}
        return operation.get("verb", ""), operation.get("phase", "")

    def token(self, name: str) -> str:
        """Return the API token of an environment."""
        secrets = json.loads((self.workspace / "data" / name / "secrets.json").read_text())
        return str(_first_text(secrets, "tracker.http_api.admin_token"))

    def _command(self, *words: str) -> list[str]:
        return [str(BIN / "torrust-tracker-deployer"), *words, "--working-dir", str(self.workspace), "--json"]


def _first_text(document: Any, key: str) -> str:
    if isinstance(document, dict):
        if isinstance(document.get(key), str):
            return str(document[key])
        for value in document.values():
            found = _first_text(value, key)
            if found:
                return found
    return ""


def env_file(path: Path, name: str, change: Callable[[dict[str, Any]], None] = lambda document: None) -> Path:
    """Write an env file like the lab's example with another name, and whatever else is changed."""
    document = yaml.safe_load(EXAMPLE.read_text())
    document["environment"] = {"name": name, "instance_name": f"torrust-lab-{name}"}
    if "profile_name" in document["provider"]:
        document["provider"]["profile_name"] = f"torrust-lab-{name}"
    change(document)
    path.write_text(yaml.safe_dump(document))
    return path
