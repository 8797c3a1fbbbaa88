# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verbs that run without Ansible: the core is called directly, and only what a verb needs is imported."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ansible_collections.torrust.deployer.plugins.plugin_utils._report import Outcome
    from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

# What deploy does once there is a record, in this order.
_AFTER_CREATE = ("provision", "configure", "release", "run", "test")

VERBS = frozenset({"validate", "create", "render", "show", "list", "exists"})


def run(options: argparse.Namespace) -> int:
    """Run the verb and print its result. Raises ``DeployerError``."""
    if options.verb == "create" and options.kind == "schema":
        return _schema(options)
    if options.verb == "exists":
        # A bare word in both formats, so that scripts need no parser.
        sys.stdout.write("true\n" if _store(options).exists(options.env_name) else "false\n")
        return 0
    return _print(options, _outcome(options))


def _print(options: argparse.Namespace, outcome: Outcome) -> int:
    if options.output_format == "json":
        from ansible_collections.torrust.deployer.plugins.plugin_utils._report import report

        document = report(options.verb, outcome.environment, changed=int(outcome.changed), result=outcome.document)
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return 0
    for warning in outcome.warnings:
        sys.stderr.write(warning + "\n")
    sys.stdout.write(outcome.text + "\n")
    return 0


def is_new(options: argparse.Namespace) -> bool:
    """Whether the env file describes an environment that does not exist yet."""
    from ansible_collections.torrust.deployer.plugins.plugin_utils import _verbs

    found = _verbs.read(_path(options.env_file), strict=options.strict)
    return not _store(options).exists(found.environment.name)


def dry_deploy(options: argparse.Namespace) -> int:
    """What ``deploy`` would do to an environment that does not exist: nothing can be asked of a machine yet."""
    from ansible_collections.torrust.deployer.plugins.plugin_utils import _verbs
    from ansible_collections.torrust.deployer.plugins.plugin_utils._report import Outcome

    path = _path(options.env_file)
    created = _verbs.create(_store(options), path, os.environ, strict=options.strict, check_mode=True)
    headline = created.text.splitlines()[0]
    return _print(
        options,
        Outcome(
            document={**created.document, "after_create": list(_AFTER_CREATE)},
            text=f"{headline}\nafter create: {', '.join(_AFTER_CREATE)}",
            changed=True,
            warnings=created.warnings,
            environment=created.environment,
        ),
    )


def _outcome(options: argparse.Namespace) -> Outcome:
    if options.verb == "list":
        from ansible_collections.torrust.deployer.plugins.plugin_utils import _show

        return _show.list_all(_store(options))
    if options.verb == "show":
        from ansible_collections.torrust.deployer.plugins.plugin_utils import _show

        return _show.show(_store(options), options.env_name, with_plan=options.plan)
    if options.verb == "render":
        return _render(options)
    from ansible_collections.torrust.deployer.plugins.plugin_utils import _verbs

    path = _path(options.env_file)
    if options.verb == "validate":
        return _verbs.validate(path, strict=options.strict)
    return _verbs.create(_store(options), path, os.environ, strict=options.strict, check_mode=options.dry_run)


def _render(options: argparse.Namespace) -> Outcome:
    from ansible_collections.torrust.deployer.plugins.plugin_utils import _render

    output, address = _path(options.output_dir), options.instance_ip
    if options.env_name is not None:
        return _render.render_environment(_store(options), options.env_name, address, output, force=options.force)
    return _render.render_file(
        _path(options.env_file), address, output, os.environ, force=options.force, strict=options.strict
    )


def _schema(options: argparse.Namespace) -> int:
    from ansible_collections.torrust.deployer.plugins.plugin_utils._collection import collection_file
    from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

    text = collection_file("schema", "environment.schema.json").read_text(encoding="utf-8")
    if options.path is None:
        sys.stdout.write(text)
        return 0
    path = _path(options.path)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DeployerError(
            "output-not-written",
            "The schema cannot be written.",
            where=str(path),
            cause=error.strerror or str(error),
            next_step="name another file, or none to print it",
            exit_code=ExitCode.CONFLICT,
        ) from error
    return 0


def _store(options: argparse.Namespace) -> FileStore:
    from ansible_collections.torrust.deployer.plugins.plugin_utils import _workspace
    from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

    return FileStore(_workspace.resolve(options.working_dir, os.environ))


def _path(text: str) -> Path:
    from ansible_collections.torrust.deployer.plugins.plugin_utils import _workspace

    return _workspace.caller_path(text, os.environ)
