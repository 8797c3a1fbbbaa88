# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the command shows a playbook that runs (documented below)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: door
type: stdout
short_description: Shows a verb as its steps, its result and its error
version_added: 0.1.0
description:
  - The output of the C(torrust-tracker-deployer) command while a playbook of this collection runs.
  - Steps go to standard error as they end; standard output holds the result only, as text or as one JSON document.
  - On a terminal the present step is shown with the time it has taken so far.
author: Torrust deployer contributors (@torrust)
requirements:
  - Set as C(stdout_callback) in the configuration.
options:
  format:
    description: Whether standard output holds text or one JSON document.
    type: str
    choices: [text, json]
    default: text
    env:
      - name: TORRUST_DEPLOYER_OUTPUT_FORMAT
    ini:
      - section: torrust_deployer
        key: output_format
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._failure import from_result
from ansible_collections.torrust.deployer.plugins.plugin_utils._live import Live
from ansible_collections.torrust.deployer.plugins.plugin_utils._report import report

# What only arranges the steps.
_NOT_STEPS = frozenset(
    {
        *("add_host", "meta", "set_fact", "validate_argument_spec"),
        *("import_playbook", "import_role", "import_tasks", "include_role", "include_tasks", "include_vars"),
    }
)
# Steps that were true already are only counted, unless they took longer than this, in seconds.
_WORTH_SAYING = 2.0

# A verb after which people want to see where the tracker is.
_SHOWN_AFTER = frozenset({"deploy", "provision", "register", "configure", "release", "run"})

# What a dry run of deploy cannot look at before there is a machine.
_AFTER_PROVISION = ("configure", "release", "run", "test")

# The outcome of the run that has ended, for the command: exit code, or None before the end.
exit_code: int | None = None


class CallbackModule(CallbackBase):
    """One run of one playbook."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "torrust.deployer.door"

    def __init__(self) -> None:
        super().__init__()
        self._verb = ""
        self._environment: str | None = None
        self._workspace: str | None = None
        self._steps: list[dict[str, Any]] = []
        self._document: Mapping[str, Any] | None = None
        self._text = ""
        self._without_machine = False
        self._error: DeployerError | None = None
        self._began = self._step_began = time.monotonic()
        self._live = Live(enabled=False)

    # -- the run ----------------------------------------------------------------------------------------------------

    def v2_playbook_on_start(self, playbook: Any) -> None:
        name = os.path.basename(str(playbook._file_name))
        self._verb = name.removesuffix(".yml")
        self._live = Live(enabled=sys.stderr.isatty() and self._display.verbosity == 0)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        for variable in ("env_name", "workspace"):
            value = play.get_variable_manager().extra_vars.get(variable)
            if value:
                self._learn({variable: value})

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._step_began = time.monotonic()
        name = _name(task)
        action = _short(task.action)
        if action in ("confirm", "pause"):
            # It may ask: then the terminal is its own.
            self._live.show(None)
        elif action not in _NOT_STEPS:
            self._live.show(name)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.v2_playbook_on_task_start(task, False)

    def v2_playbook_on_cleanup_task_start(self, task: Any) -> None:
        self.v2_playbook_on_task_start(task, False)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        global exit_code
        self._live.close()
        lost = any(stats.dark.values())
        failed = lost or any(stats.failures.values())
        error = None
        if failed:
            error = self._error or _unexplained(self._verb, self._environment, lost=lost)
        changed = sum(stats.changed.values())
        exit_code = int(error.exit_code) if error else 0
        result = None if error else self._result()
        if result is not None and self._verb == "deploy" and context.CLIARGS.get("check") and self._without_machine:
            result = {**result, "after_provision": list(_AFTER_PROVISION)}
            self._text += f"\nafter provision: {', '.join(_AFTER_PROVISION)}"
        if self.get_option("format") == "json":
            document = report(
                self._verb,
                self._environment,
                changed=changed,
                steps=self._steps,
                result=result,
                error=error.document() if error else None,
            )
            sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        elif error:
            self._say(f"error: {error.text()}")
        else:
            self._print_text(changed)
        sys.stdout.flush()

    def _print_text(self, changed: int) -> None:
        if self._text:
            sys.stdout.write(self._text + "\n")
        true = sum(not step["changed"] for step in self._steps)
        took = time.monotonic() - self._began
        would = " would be" if context.CLIARGS.get("check") else ""
        name = f" {self._environment}" if self._environment else ""
        sys.stdout.write(f"{self._verb}{name}: {changed}{would} changed, {true} already true ({took:.1f} s)\n")

    def _result(self) -> Mapping[str, Any] | None:
        """The verb's own result; where the tracker is, for verbs that bring it about."""
        if self._verb in _SHOWN_AFTER and self._environment:
            from ansible_collections.torrust.deployer.plugins.plugin_utils import _show, _workspace
            from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

            try:
                store = FileStore(_workspace.resolve(self._workspace, os.environ))
                shown = _show.show(store, self._environment)
            except DeployerError:
                return self._document
            self._text = shown.text
            return self._document or shown.document
        return self._document

    # -- its steps --------------------------------------------------------------------------------------------------

    def v2_runner_on_ok(self, result: Any) -> None:
        body = result.result
        self._learn(body)
        self._verbose(result, "changed" if body.get("changed") else "ok")
        if _short(result.task.action) not in _NOT_STEPS:
            self._step(result, changed=bool(body.get("changed")))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._verbose(result, "failed")
        if ignore_errors:
            return
        self._fail(result, result.result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._verbose(result, "unreachable")
        if getattr(result.task, "ignore_unreachable", False):
            return
        self._fail(result, {**result.result, "unreachable": True})

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._verbose(result, "skipped")

    def v2_runner_retry(self, result: Any) -> None:
        self._verbose(result, "retrying")

    def _learn(self, body: Mapping[str, Any]) -> None:
        """What a result says for the whole run."""
        if isinstance(body.get("env_name"), str):
            self._environment = str(body["env_name"])
        if isinstance(body.get("workspace"), str):
            self._workspace = str(body["workspace"])
        if "instance" in body and "plan" in body:
            self._without_machine = body["instance"] is None
        if isinstance(body.get("document"), Mapping):
            self._document = body["document"]
            self._text = str(body.get("text") or "")

    def _step(self, result: Any, *, changed: bool) -> None:
        seconds = time.monotonic() - self._step_began
        name = _name(result.task)
        self._steps.append(
            {"name": name, "host": result.host.get_name(), "changed": changed, "seconds": round(seconds, 2)}
        )
        if changed or seconds >= _WORTH_SAYING:
            self._say(f"  {'changed' if changed else 'ok':<8} {name} ({seconds:.1f} s)")

    def _fail(self, result: Any, body: Mapping[str, Any]) -> None:
        """The last failure counts: a rescue says it in our own words."""
        if _short(result.task.action) == "validate_argument_spec":
            self._error = _bad_arguments(self._verb, body)
            return
        self._error = from_result(
            body,
            verb=self._verb,
            environment=self._environment or "NAME",
            task=_name(result.task),
            where=result.host.get_name(),
            secrets=(),
        )

    # -- printing ---------------------------------------------------------------------------------------------------

    def _say(self, line: str) -> None:
        self._live.print(line)

    def _verbose(self, result: Any, status: str) -> None:
        """With ``-v`` everything that Ansible knows of a task."""
        if self._display.verbosity == 0:
            return
        name, host = _name(result.task), result.host.get_name()
        self._display.display(f"{status}: [{host}] {name} => {self._dump_results(result.result)}", stderr=True)


def _name(task: Any) -> str:
    """``host: Let the firewall in``, where Ansible says ``torrust.deployer.host : Let ...``."""
    return str(task.get_name()).strip().removeprefix("torrust.deployer.").replace(" : ", ": ", 1)


def _short(action: str) -> str:
    return str(action).rpartition(".")[2]


def _bad_arguments(verb: str, body: Mapping[str, Any]) -> DeployerError:
    found = [str(line) for line in body.get("argument_errors", ())]
    return DeployerError(
        "bad-arguments",
        f"{verb} was called with wrong arguments.",
        cause="\n".join(found) or str(body.get("msg", "")),
        next_step=f"see its arguments: torrust-tracker-deployer {verb} --help, or playbooks/{verb}.meta.yml",
        exit_code=ExitCode.USAGE,
    )


def _unexplained(verb: str, environment: str | None, *, lost: bool) -> DeployerError:
    return DeployerError(
        "host-unreachable" if lost else "playbook-failed",
        f"{verb} could not reach its host." if lost else f"{verb} failed.",
        next_step=f"run it again with -v to see all of it: torrust-tracker-deployer {verb} {environment or 'NAME'} -v",
        exit_code=ExitCode.UNREACHABLE if lost else ExitCode.HOST,
    )
