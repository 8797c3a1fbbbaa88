# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verbs that only read, check and keep: ``validate`` and ``create``. Both doors call them.

``show`` and ``list`` are in ``_show.py``, ``render`` is in ``_render.py``. None of them connects to a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.torrust.deployer.plugins.plugin_utils import _envfile, _operation, _secrets
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._changes import Change, changes
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import Checked, Environment, check
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import make_plan
from ansible_collections.torrust.deployer.plugins.plugin_utils._problems import Problem, invalid_environment
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Failure, Record, next_step, now
from ansible_collections.torrust.deployer.plugins.plugin_utils._report import Outcome
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import Store

# An operation that may have made something at a provider, whatever became of it.
_MAKES_INFRASTRUCTURE = frozenset({"deploy", "provision", "register"})


@dataclass(frozen=True)
class Read:
    """An env file that has no error: the Environment, its warnings, and the sources of its secrets."""

    path: Path
    environment: Environment
    warnings: tuple[Problem, ...]
    sources: Mapping[str, object]

    def secrets(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The secrets that the file gives, read from where it says."""
        return _secrets.read(self.sources, self.path.parent, environ)

    def warning_texts(self) -> tuple[str, ...]:
        """As lines for a person."""
        return tuple(problem.text() for problem in self.warnings)


def needed_secrets(environment: Environment) -> tuple[str, ...]:
    """The names of all secrets that the environment's services need."""
    plan = make_plan(environment, catalogue())
    return tuple(dict.fromkeys(name for service in plan.services for name in service.secrets.values()))


def read(path: Path, *, strict: bool = False) -> Read:
    """The env file at an absolute ``path``, checked. Raises ``invalid-environment`` with all problems.

    ``strict``: warnings refuse it too.
    """
    checked: Checked = check(_envfile.load(path), path.parent)
    problems = checked.problems
    if strict:
        problems = tuple(replace(problem, severity="error") for problem in problems)
    if checked.environment is None or (strict and problems):
        raise invalid_environment(str(path), problems)
    return Read(path, checked.environment, problems, checked.secrets)


def validate(path: Path, *, strict: bool = False) -> Outcome:
    """Check an env file. Nothing is read but the file itself; nothing is written."""
    found = read(path, strict=strict)
    environment = found.environment
    name = environment.name
    count = len(found.warnings)
    warned = f", {count} warning{'s' if count > 1 else ''}" if count else ""
    return Outcome(
        document={
            "environment_name": name,
            "config_file": str(path),
            "provider": environment.provider.provider,
            "is_valid": True,
            "problems": [problem.document() for problem in found.warnings],
        },
        text=f"{path} is valid: environment {name} on {environment.provider.provider}{warned}\n"
        f"  next:  torrust-tracker-deployer create environment --env-file {path}",
        warnings=found.warning_texts(),
        environment=name,
    )


def create(
    store: Store, path: Path, environ: Mapping[str, str], *, strict: bool = False, check_mode: bool = False
) -> Outcome:
    """Bring the record in line with the env file: made, updated or left as it is.

    Raises ``change-refused`` (nothing is changed then), ``environment-busy`` while somebody works on it, and what
    ``read`` and reading secrets raise. ``check_mode``: says what would be done.
    """
    found = read(path, strict=strict)
    given = found.secrets(environ)
    if not store.exists(found.environment.name):
        outcome = _make(store, found, given, check_mode=check_mode)
        if outcome is not None:
            return outcome
    return _update(store, found, given, check_mode=check_mode)


def _make(store: Store, found: Read, given: Mapping[str, str], *, check_mode: bool) -> Outcome | None:
    """A new record; ``None`` if somebody else made the same one meanwhile."""
    environment = found.environment
    record = Record(environment.name, now(), dict(environment.document))
    if not check_mode:
        try:
            store.create(record, _secrets.complete(given, needed_secrets(environment)))
        except DeployerError as error:
            if error.code != "environment-exists" or changes(
                store.load(environment.name).environment, environment.document, {}, {}
            ):
                raise
            return None
    done = "would be created" if check_mode else "is created"
    return _outcome(found, record, f"Environment {environment.name} {done}.", (), changed=True)


def _update(store: Store, found: Read, given: Mapping[str, str], *, check_mode: bool) -> Outcome:
    environment = found.environment
    name = environment.name
    record = store.load(name)
    kept = store.secrets(name)
    needed = needed_secrets(environment)
    difference = changes(record.environment, environment.document, kept, given)
    missing = [secret for secret in needed if secret not in kept and secret not in given]
    if not difference and not missing:
        return _outcome(found, record, f"Environment {name} is up to date with the file: nothing changed.", ())
    _refuse(record, difference, found.path)
    if not check_mode:
        record = _apply(store, found, given, needed)
    done = "would be updated" if check_mode else "is updated"
    return _outcome(found, record, f"Environment {name} {done}:", difference, changed=True)


def _apply(store: Store, found: Read, given: Mapping[str, str], needed: tuple[str, ...]) -> Record:
    """Secrets first: a run that dies in between leaves a difference that the next one sees."""
    name = found.environment.name
    _operation.begin(store, name, "create")

    def with_document(record: Record) -> Record:
        old, new = record.environment, found.environment.document
        _refuse(record, changes(old, new, {}, {}), found.path)
        return replace(record, environment=dict(new))

    try:
        store.update_secrets(name, lambda kept: _secrets.complete({**kept, **given}, needed))
        store.update(name, with_document)
    except DeployerError as error:
        _operation.fail(store, name, Failure(error.code, error.message, error.next_step))
        raise
    return _operation.finish(store, name, "create", changed=True) or store.load(name)


def _may_exist(record: Record) -> bool:
    """Whether anything may exist that the env file once described: then some keys cannot change any more."""
    if record.infrastructure is not None:
        return True
    if record.operation is not None and record.operation.verb in _MAKES_INFRASTRUCTURE:
        return True
    if record.destroyed_at is not None:
        return False
    return any(past.verb in _MAKES_INFRASTRUCTURE for past in record.history)


def _refuse(record: Record, difference: list[Change], path: Path) -> None:
    """Refuse changes that would not take effect: an environment of which nothing exists yet may change at will."""
    refused = [change for change in difference if change.how in ("migration", "never")]
    if not refused or not _may_exist(record):
        return
    never = any(change.how == "never" for change in refused)
    raise DeployerError(
        "change-refused",
        f"The file changes what cannot be changed on the running environment {record.name}; nothing was changed.",
        where=str(path),
        cause="\n".join(change.text() for change in refused),
        next_step=(
            f"put the old values back; or start anew with them: torrust-tracker-deployer destroy {record.name} "
            "(its data goes with it), then run create again"
            if never
            else "put the old value back: this release cannot migrate the data of a running tracker"
        ),
        exit_code=ExitCode.REFUSED,
        details={"changes": [change.document() for change in refused]},
    )


def _outcome(
    found: Read, record: Record, headline: str, difference: tuple[Change, ...] | list[Change], *, changed: bool = False
) -> Outcome:
    environment = found.environment
    following = next_step(record, True, existing_host=environment.provider.provider == "existing")
    lines = [headline, *(f"  {change.text()}" for change in difference), f"  next:  {following}"]
    if record.running is not None and changed:
        lines[-1] = f"  next:  torrust-tracker-deployer deploy {record.name}"
    return Outcome(
        document={
            "environment_name": record.name,
            "instance_name": environment.instance_name,
            "created_at": record.created_at,
            "changes": [change.document() for change in difference],
            "problems": [problem.document() for problem in found.warnings],
        },
        text="\n".join(lines),
        changed=changed,
        warnings=found.warning_texts(),
        environment=record.name,
    )
