# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verbs that run as a playbook: Ansible in this very process, so that a signal and the exit code mean it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

_CALLBACK = "ansible_collections.torrust.deployer.plugins.callback.door"
# Ansible's own exit codes, where a run ended before it had a result.
_UNREACHABLE, _INTERRUPTED = 4, 99


def extra_vars(options: argparse.Namespace, directory: Path) -> dict[str, Any]:
    """The playbook's arguments; only those that were given. Paths are absolute: ``directory`` is where the user is."""
    found: dict[str, Any] = {}
    for name in (
        *("env_name", "replace", "instance_ip", "ssh_port", "confirm", "data"),
        *("wait_timeout", "probe_timeout", "accept_host_key"),
    ):
        if getattr(options, name, None) is not None:
            found[name] = getattr(options, name)
    for name in ("take_over", "strict", "forget"):
        if getattr(options, name, False):
            found[name] = True
    if options.verb == "purge" and options.force:
        found["confirm"] = options.env_name
    if getattr(options, "env_file", None):
        found["env_file"] = str(directory / options.env_file)
    if options.working_dir:
        found["workspace"] = str(directory / os.path.expanduser(options.working_dir))
    return found


def collection_root() -> Path:
    """The directory that holds our ``ansible_collections``; found without importing it, since Ansible does that."""
    for place in map(Path, sys.path):
        if (place / "ansible_collections" / "torrust" / "deployer" / "playbooks").is_dir():
            return place
    raise FileNotFoundError("the collection torrust.deployer is not installed beside this command")


def settings(options: argparse.Namespace, environ: dict[str, str], root: Path) -> dict[str, str]:
    """Ansible's settings: ours, whatever ``ansible.cfg`` lies around; an ``ANSIBLE_CONFIG`` that was set is read."""
    paths = environ.get("ANSIBLE_COLLECTIONS_PATH") or "~/.ansible/collections:/usr/share/ansible/collections"
    return {
        "ANSIBLE_CONFIG": environ.get("ANSIBLE_CONFIG") or str(Path(__file__).with_name("ansible.cfg")),
        # Ours first: an older copy elsewhere must not answer for this command.
        "ANSIBLE_COLLECTIONS_PATH": f"{root}:{paths}",
        "ANSIBLE_STDOUT_CALLBACK": "torrust.deployer.door",
        "TORRUST_DEPLOYER_OUTPUT_FORMAT": options.output_format,
        # None: localhost is then the implicit one, which runs here and in this Python.
        "ANSIBLE_INVENTORY": "/dev/null",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        # An environment without a machine: plays on it have no host, as they should.
        "ANSIBLE_HOST_PATTERN_MISMATCH": "ignore",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "ANSIBLE_NOCOWS": "true",
        "ANSIBLE_VERBOSE_TO_STDERR": "true",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_HOST_KEY_CHECKING": "true",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=15",
        # A socket's path has at most 107 bytes: %C is short whatever the host is called.
        "ANSIBLE_SSH_CONTROL_PATH_DIR": _control_directory(environ),
        "ANSIBLE_SSH_CONTROL_PATH": "%(directory)s/%%C",
    }


def _control_directory(environ: dict[str, str]) -> str:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/") and os.access(runtime, os.W_OK):
        return f"{runtime}/torrust-ssh"
    return os.path.expanduser("~/.ansible/cp")


def run(options: argparse.Namespace) -> int:
    """Run the verb's playbook; the exit code is that of the error, or 0. Raises ``DeployerError``."""
    if options.verb == "deploy" and options.dry_run and options.env_file:
        from torrust_tracker_deployer import _pure

        if _pure.is_new(options):
            return _pure.dry_deploy(options)
        # Ansible brings its own loader for collections, which must find nothing loaded by Python's.
        for name in [name for name in sys.modules if name.partition(".")[0] == "ansible_collections"]:
            del sys.modules[name]
    root = collection_root()
    os.environ.update(settings(options, dict(os.environ), root))
    # Other callbacks would write between the lines of ours.
    os.environ.pop("ANSIBLE_CALLBACKS_ENABLED", None)
    words = ["ansible-playbook", f"torrust.deployer.{options.verb}"]
    words += ["--extra-vars", json.dumps(extra_vars(options, Path.cwd()))]
    if options.dry_run:
        words.append("--check")
    if options.verbose:
        words.append("-" + "v" * options.verbose)
    from ansible.cli.playbook import PlaybookCLI

    try:
        PlaybookCLI.cli_executor(words)
    except SystemExit as ended:
        return _exit_code(options, ended.code if isinstance(ended.code, int) else 1)
    return _exit_code(options, 0)


def _exit_code(options: argparse.Namespace, code: int) -> int:
    """The door's exit code; where the run did not reach its end, one for how it ended, with a document of its own."""
    door = sys.modules.get(_CALLBACK)
    if door is not None and door.exit_code is not None:
        return int(door.exit_code)
    if code == 0:
        return 0
    if options.output_format == "json":
        from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError
        from ansible_collections.torrust.deployer.plugins.plugin_utils._report import report_error

        name = getattr(options, "env_name", None)
        error = DeployerError(
            "interrupted" if code == _INTERRUPTED else "ansible-failed",
            f"{options.verb} was interrupted." if code == _INTERRUPTED else f"Ansible could not run {options.verb}.",
            cause="" if code == _INTERRUPTED else "what Ansible says of it stands on standard error",
            next_step=f"run the same command again{'' if code == _INTERRUPTED else ' with -v'}",
        )
        sys.stdout.write(json.dumps(report_error(options.verb, name, error), indent=2) + "\n")
    return 130 if code == _INTERRUPTED else 9 if code == _UNREACHABLE else 1
