# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory in which OpenTofu works for an environment (documented in plugins/modules/tofu_project.py)."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.torrust.deployer.plugins.plugin_utils import _tofu
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._collection import collection_file
from ansible_collections.torrust.deployer.plugins.plugin_utils._durable import sync_directory, write_file
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import from_document
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import make_plan


class ActionModule(DeployerAction):
    """Runs on the controller. A dry run works in a private copy, which ``state: absent`` removes."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "applying", "applied", "absent"], "default": "present"},
        "directory": {"type": "path"},
        "as_applied": {"type": "bool", "default": False},
    }
    RULES: ClassVar[Mapping[str, Any]] = {
        "required_if": [(("state"), state, ["directory"]) for state in ("applying", "applied", "absent")]
    }

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        name = arguments["env_name"]
        if arguments["state"] == "present":
            return self._present(name, as_applied=arguments["as_applied"])
        directory = Path(arguments["directory"])
        marker = directory / _tofu.APPLYING
        if arguments["state"] == "applying":
            write_file(marker, b"")
        elif arguments["state"] == "applied":
            marker.unlink(missing_ok=True)
            sync_directory(directory)
        else:
            # The plan holds the values of all variables, so it goes as soon as it has served.
            (directory / _tofu.PLAN_FILE).unlink(missing_ok=True)
            for state in directory.glob(f"{_tofu.STATE}*"):
                state.chmod(0o600)
            if directory != self.store.directory(name, "tofu"):
                shutil.rmtree(directory)
        return {}

    def _present(self, name: str, *, as_applied: bool) -> dict[str, Any]:
        record = self.store.load(name)
        environment = from_document(record.environment)
        plan = make_plan(environment, catalogue())
        program = _tofu.find_program()
        own = self.store.directory(name, "tofu")
        directory = self._copy(own) if self.check_mode else own
        source = collection_file("roles", "infrastructure", "files", plan.instance.provider)
        if as_applied and (directory / _tofu.VARIABLES).is_file():
            content, changed = _tofu.present_files(directory), False
        else:
            key = _tofu.read_public_key(environment.ssh.public_key_path)
            first = _tofu.user_data(environment.ssh.username, key, environment.ssh.port)
            content = _tofu.files(source, _tofu.variables_of(plan.instance.variables, first))
            changed = _write(directory, content)
        values = json.loads(content[_tofu.VARIABLES])
        _tofu.initialise(program, directory, content)
        busy = _tofu.is_locked(directory)
        adopted: list[str] = []
        interrupted = (directory / _tofu.APPLYING).exists()
        if interrupted and not busy and not self.check_mode:
            imports = json.loads((source / "imports.json").read_text(encoding="utf-8"))
            adopted = _tofu.adopt(
                program, directory, {address: text.format_map(values) for address, text in imports.items()}
            )
        # Made here, for its owner only, since OpenTofu makes it readable by all.
        write_file(directory / _tofu.PLAN_FILE, b"")
        result: dict[str, Any] = {
            "changed": changed or bool(adopted),
            "directory": str(directory),
            "program": program.path,
            "version": program.version,
            "plan_file": _tofu.PLAN_FILE,
            "adopted": adopted,
            "interrupted": interrupted,
            "resources": _tofu.addresses_in_state(directory),
        }
        if busy:
            result["warnings"] = ["Another OpenTofu still works on this environment; waiting for it to end."]
        return result

    def _copy(self, own: Path) -> Path:
        """A private copy for a dry run: files and state, without what OpenTofu fetched."""
        copy = Path(tempfile.mkdtemp(prefix="torrust-dry-run-"))
        for path in own.iterdir():
            if path.is_file():
                shutil.copyfile(path, copy / path.name)
        if (own / ".terraform").is_dir():
            shutil.copytree(own / ".terraform", copy / ".terraform", symlinks=True, copy_function=_link_or_copy)
        return copy


def _write(directory: Path, content: Mapping[str, bytes]) -> bool:
    """Make the directory hold these files, and no other configuration; whether that changed it."""
    changed = False
    for file, data in content.items():
        path = directory / file
        if not path.is_file() or path.read_bytes() != data:
            write_file(path, data)
            changed = True
    for stale in set(directory.glob("*.tf")) - {directory / file for file in content}:
        stale.unlink()
        changed = True
    return changed


def _link_or_copy(source: str, target: str) -> None:
    """Provider programs are large, and a dry run only reads them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
