# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ``torrust-tracker-deployer`` command: a door to the collection torrust.deployer, with no rules of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torrust_tracker_deployer._arguments import UsageError, help_text, json_asked, parse

if TYPE_CHECKING:
    from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError

_INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """The command; ``words`` without its name (default: those it was called with). Returns the exit code."""
    words = sys.argv[1:] if words is None else words
    try:
        return _run(words)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read has gone, as in `... | head`; Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(words: Sequence[str]) -> int:
    try:
        options = parse(words)
    except UsageError as error:
        return _fail(None, None, _usage(error), as_json=json_asked(words))
    if options.version:
        sys.stdout.write(f"torrust-tracker-deployer {_version()}\n")
        return 0
    if options.verb is None:
        sys.stdout.write(help_text())
        return 0
    from torrust_tracker_deployer import _pure

    try:
        if options.verb in _pure.VERBS:
            status = _pure.run(options)
        else:
            from torrust_tracker_deployer import _playbook

            status = _playbook.run(options)
        sys.stdout.flush()
    except Exception as error:
        from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError

        if not isinstance(error, DeployerError):
            raise
        name = getattr(options, "env_name", None)
        return _fail(options.verb, name, error, as_json=options.output_format == "json")
    return status


def _usage(error: UsageError) -> DeployerError:
    """The error as every other one is printed."""
    from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

    message = str(error)
    return DeployerError(
        "usage", message[0].upper() + message[1:] + ".", next_step=error.next_step, exit_code=ExitCode.USAGE
    )


def _fail(verb: str | None, environment: str | None, error: DeployerError, *, as_json: bool) -> int:
    from ansible_collections.torrust.deployer.plugins.plugin_utils._report import report_error

    if as_json:
        document = report_error(verb or "", environment, error)
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"error: {error.text()}\n")
    return int(error.exit_code)


def _version() -> str:
    import yaml

    from ansible_collections.torrust.deployer.plugins.plugin_utils._collection import collection_file

    version: str = yaml.safe_load(collection_file("galaxy.yml").read_text(encoding="utf-8"))["version"]
    return version
