# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the project's checks and tests, and closes with one line: N passed, N failed[, N skipped].

Usage: python tests/run.py [--full] [GROUP ...]

Groups, in the order in which they run: lint, sanity, unit, conformance, packaging, molecule, e2e, and with --full also
demo. Without a name, all of them. A step counts as one test, a pytest step as the tests that it ran. A step that fails
shows the end of its output, and the steps after it run all the same. What a step printed is kept whole in .cache/test.

The groups molecule and e2e need the lab (tests/lab/lab). It is brought up before them, and afterwards left as it was
found: taken down again unless it was up already.

A group whose files do not exist is named, and counts for nothing.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".cache/test"
LAB = ROOT / "tests/lab/lab"
DEMO = ROOT / "tests/demo/demo"

GROUPS = ("lint", "sanity", "unit", "conformance", "packaging", "molecule", "e2e")
FULL_GROUPS = (*GROUPS, "demo")
LAB_GROUPS = ("molecule", "e2e")

# Seconds after which a step is taken for hung: several times what it takes on two cores with cold caches.
QUICK = 20 * 60
SLOW = 45 * 60

# A step that has run this long says every so often, in seconds, that it is still at it.
HEARTBEAT = 60.0

TAIL_LINES = 40


@dataclass(frozen=True)
class Step:
    """One command. With `junit`, the tests in the report that it writes are counted instead of the command."""

    group: str
    name: str
    command: Sequence[str]
    junit: Path | None = None
    timeout: int = QUICK


@dataclass
class Tally:
    """What was counted so far."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    skip_reasons: dict[str, int] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add the counts of `other`."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        for reason, count in other.skip_reasons.items():
            self.skip_reasons[reason] = self.skip_reasons.get(reason, 0) + count

    def closing_line(self) -> str:
        """Return the line that a reader, or a program, looks for."""
        line = f"{self.passed} passed, {self.failed} failed"
        return f"{line}, {self.skipped} skipped" if self.skipped else line


class Runner:
    """Runs steps, keeps their output, and can end those that are under way."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self.environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        # The lab's stand-in for cloud.terraform, which is in no Python distribution: antsibull-docs insists that each
        # dependency exists. What the user has installed stays out, so that a run means the same everywhere.
        self.environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "tests/lab/collections")
        self.environment.setdefault("ANSIBLE_NOCOLOR", "1")
        self.running: set[subprocess.Popen[bytes]] = set()
        self.tally = Tally()

    def log_of(self, step: Step) -> Path:
        """Return the path of what the step printed."""
        return LOGS / f"{step.group}-{step.name.replace(' ', '-').replace('/', '-')}.log"

    def run(self, step: Step) -> bool:
        """Run one step, count it, say how it went. Return whether it passed."""
        started = time.monotonic()
        log = self.log_of(step)
        if step.junit is not None:
            step.junit.unlink(missing_ok=True)
        code, explanation = self._execute(step, log, started)
        tally = count(step, code)
        self.tally.add(tally)

        # Written in one call each, so that steps which run side by side do not mix their lines.
        passed = not tally.failed
        word = "ok    " if passed else "FAILED"
        lines = [f"{word} {step.group}: {step.name} ({seconds(started)}{facts(step, tally)})"]
        if not passed:
            lines.append(f"       {explanation}; the end of {log.relative_to(ROOT)}:")
            lines.extend(f"       | {line}" for line in tail(log, TAIL_LINES))
        print("\n".join(lines), flush=True)
        return passed

    def _execute(self, step: Step, log: Path, started: float) -> tuple[int, str]:
        with log.open("wb") as output:
            try:
                process = subprocess.Popen(
                    step.command,
                    cwd=ROOT,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                output.write(f"{error}\n".encode())
                return 127, "could not be started"
            self.running.add(process)
            try:
                while True:
                    try:
                        code = process.wait(HEARTBEAT)
                        return code, f"exit code {code}"
                    except subprocess.TimeoutExpired:
                        if time.monotonic() - started > step.timeout:
                            end(process)
                            return 124, f"ended after {step.timeout} s"
                        last = next(iter(tail(log, 1)), "")
                        print(f"  ...  {step.group}: {step.name} ({seconds(started)}) {last[:90]}", flush=True)
            except BaseException:
                end(process)
                raise
            finally:
                self.running.discard(process)

    def end_all(self) -> None:
        """End what is under way."""
        for process in list(self.running):
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a step and what it started, the hard way if it takes more than some seconds."""
    for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(patience)
            return
        except subprocess.TimeoutExpired:
            continue


def count(step: Step, code: int) -> Tally:
    """Return what the step counts for, by its report if it has one, else by its exit code."""
    if step.junit is None:
        return Tally(passed=1) if code == 0 else Tally(failed=1)
    tally = Tally()
    try:
        cases = ElementTree.parse(step.junit).getroot().iter("testcase")
    except (OSError, ElementTree.ParseError):
        return Tally(failed=1)
    for case in cases:
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed += 1
        elif skipped is not None:
            tally.skipped += 1
            reason = skipped.get("message") or "no reason given"
            tally.skip_reasons[reason] = tally.skip_reasons.get(reason, 0) + 1
        else:
            tally.passed += 1
    # pytest's 5 is "no test was collected". Any other failure that no test shows (a crash, a broken plugin) is one.
    if code not in (0, 1) and not tally.failed:
        tally.failed += 1
    return tally


def facts(step: Step, tally: Tally) -> str:
    """Return the counts of a step that has more than one test."""
    return f", {tally.closing_line()}" if step.junit is not None else ""


def seconds(started: float) -> str:
    """Return how long it took since `started`."""
    return f"{time.monotonic() - started:.1f} s"


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a file that are not empty."""
    text = path.read_text(errors="replace")
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]


def link_for_types() -> None:
    """Let mypy know our files by the names under which they are imported; pyproject.toml names the directory."""
    link = ROOT / ".cache/types/ansible_collections/torrust/deployer"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(ROOT)


def existing(*names: str) -> list[str]:
    """Return those of the paths, relative to the root, that exist."""
    return [name for name in names if (ROOT / name).exists()]


def lint_steps() -> Iterator[Step]:
    """Yield the linters, the slow ones first, since two run side by side."""
    link_for_types()
    packages = [
        f"ansible_collections.torrust.deployer.{name}" for name in existing("benchmarks", "plugins", "scripts", "tests")
    ]
    packages += [name.removeprefix("cli/") for name in existing("cli/torrust_tracker_deployer")]
    mypy = ["mypy"]
    for package in packages:
        mypy += ["-p", package]
    yield Step("lint", "mypy", mypy)
    # Without the lab's redirect: through it the linter takes cloud.terraform for another name of community.general's.
    yield Step("lint", "ansible-lint", ["env", "ANSIBLE_COLLECTIONS_PATH=", "ansible-lint", "--nocolor"])
    docs = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", "--validate-collection-refs"]
    yield Step("lint", "antsibull-docs", [*docs, "self", "."])
    yield Step("lint", "ruff check", ["ruff", "check"])
    yield Step("lint", "ruff format", ["ruff", "format", "--diff"])
    yield Step("lint", "yamllint", ["yamllint", "--strict", "."])
    yield Step("lint", "reuse", ["reuse", "lint"])
    yield Step("lint", "antsibull-changelog", ["antsibull-changelog", "lint"])


def pytest_step(group: str, *arguments: str, timeout: int = QUICK) -> Iterator[Step]:
    """Yield the step that runs tests/<group>, unless it has no test yet."""
    directory = ROOT / "tests" / group
    if next(directory.rglob("test_*.py"), None) is None:
        print(f"       {group}: no test in tests/{group}", flush=True)
        return
    junit = LOGS / f"{group}.xml"
    command = ["pytest", "-q", f"--junitxml={junit}", *arguments, f"tests/{group}"]
    yield Step(group, "pytest", command, junit=junit, timeout=timeout)


def molecule_steps() -> Iterator[Step]:
    """Yield one step for each scenario."""
    scenarios = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
    if not scenarios:
        print("       molecule: no scenario in molecule/", flush=True)
    for name in scenarios:
        yield Step("molecule", name, ["molecule", "test", "--scenario-name", name], timeout=SLOW)


def demo_steps() -> Iterator[Step]:
    """Yield the demo, its second run, and its end."""
    if not DEMO.exists():
        print("       demo: no tests/demo/demo", flush=True)
        return
    yield Step("demo", "first run", [str(DEMO), "up"], timeout=SLOW)
    yield Step("demo", "second run", [str(DEMO), "up"])
    yield Step("demo", "down", [str(DEMO), "down"])


STEPS: dict[str, Callable[[], Iterator[Step]]] = {
    "lint": lint_steps,
    "sanity": lambda: iter([Step("sanity", "ansible-test", [sys.executable, "scripts/sanity.py"])]),
    "unit": lambda: pytest_step("unit", "-n", "2"),
    "conformance": lambda: pytest_step("conformance", "-n", "2"),
    "packaging": lambda: pytest_step("packaging"),
    "molecule": molecule_steps,
    "e2e": lambda: pytest_step("e2e", timeout=SLOW),
    "demo": demo_steps,
}


@contextmanager
def lab(runner: Runner) -> Iterator[bool]:
    """Have the lab up for a while; yield whether it is. What was up before stays up."""
    status = subprocess.run([LAB, "status"], cwd=ROOT, env=runner.environment, capture_output=True, check=False)
    was_up = status.returncode == 0
    try:
        up = runner.run(Step("lab", "up", [str(LAB), "up"], timeout=SLOW))
        if up:
            runner.environment.update(lab_environment(runner))
        yield up
    finally:
        if not was_up:
            runner.run(Step("lab", "down", [str(LAB), "down"]))


def lab_environment(runner: Runner) -> dict[str, str]:
    """Return the variables that `lab env` prints, one `[export ]NAME=value` a line, quoted for a shell."""
    printed = subprocess.run(
        [LAB, "env"], cwd=ROOT, env=runner.environment, check=True, text=True, stdout=subprocess.PIPE
    ).stdout
    variables = {}
    for word in shlex.split(printed, comments=True):
        name, separator, value = word.partition("=")
        if separator:
            variables[name] = value
    return variables


def run_group(runner: Runner, group: str) -> None:
    """Run the steps of one group: linters two at a time, since most machines have two cores, the rest in turn."""
    steps = list(STEPS[group]())
    if group != "lint":
        for step in steps:
            runner.run(step)
        return
    with ThreadPoolExecutor(max_workers=2) as pool:
        try:
            list(pool.map(runner.run, steps))
        except BaseException:
            # The pool waits for its threads, and those for their commands.
            pool.shutdown(wait=False, cancel_futures=True)
            runner.end_all()
            raise


def run_all(runner: Runner, groups: Sequence[str]) -> None:
    """Run the groups in order, those that need the lab inside of it."""
    for group in groups:
        if group not in LAB_GROUPS:
            run_group(runner, group)
    wanted = [step for group in groups if group in LAB_GROUPS for step in STEPS[group]()]
    if not wanted:
        return
    if not LAB.exists():
        print("       lab: no tests/lab/lab", flush=True)
        return
    with lab(runner) as up:
        for step in wanted:
            if up:
                runner.run(step)
            else:
                runner.tally.add(Tally(failed=1))
                print(f"FAILED {step.group}: {step.name} (not run: the lab is not up)", flush=True)


def main() -> int:
    """Run what was asked for and return 0 only when all of it passed."""
    parser = argparse.ArgumentParser(description="Run the project's checks and tests.")
    parser.add_argument("--full", action="store_true", help="also what takes long: more examples, slow tests, the demo")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(FULL_GROUPS))
    options = parser.parse_args()
    unknown = [group for group in options.groups if group not in FULL_GROUPS]
    if unknown:
        parser.error(f"unknown group {', '.join(unknown)}; there are {', '.join(FULL_GROUPS)}")
    order = FULL_GROUPS if options.full or options.groups else GROUPS
    groups = [group for group in order if not options.groups or group in options.groups]

    LOGS.mkdir(parents=True, exist_ok=True)
    runner = Runner()
    if options.full:
        runner.environment["TORRUST_TEST_FULL"] = "1"
    # A terminal's interrupt and a service's end are one: the lab goes down, the closing line is printed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    interrupted = False
    try:
        run_all(runner, groups)
    except KeyboardInterrupt:
        interrupted = True
        runner.tally.failed += 1
    for reason, number in sorted(runner.tally.skip_reasons.items()):
        print(f"skipped {number}: {reason}")
    print(f"{'interrupted after' if interrupted else 'took'} {seconds(started)}; output of each step: .cache/test")
    print(runner.tally.closing_line(), flush=True)
    return 1 if runner.tally.failed or not runner.tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
