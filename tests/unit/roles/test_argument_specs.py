# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a role says it takes is what its tasks use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.torrust.deployer.plugins.plugin_utils._collection import collection_file

ROLES = Path(collection_file("roles"))
ENTRIES = [
    (path.parent.parent.name, entry)
    for path in sorted(ROLES.glob("*/meta/argument_specs.yml"))
    for entry in yaml.safe_load(path.read_text())["argument_specs"]
]


def test_there_are_roles_to_look_at() -> None:
    assert {("stack", "release"), ("stack", "run"), ("stack", "remove"), ("host", "main")} <= set(ENTRIES)


@pytest.mark.parametrize(("role", "entry"), ENTRIES)
def test_an_entry_point_has_tasks(role: str, entry: str) -> None:
    assert (ROLES / role / "tasks" / f"{entry}.yml").is_file()


@pytest.mark.parametrize("entry", [entry for role, entry in ENTRIES if role == "stack"])
def test_an_entry_point_of_the_stack_uses_its_arguments_and_no_others(entry: str) -> None:
    specs = yaml.safe_load((ROLES / "stack/meta/argument_specs.yml").read_text())["argument_specs"]
    tasks = (ROLES / f"stack/tasks/{entry}.yml").read_text()
    used = set(re.findall(r"(?<![\w.])(stack_\w+|wait_timeout(?=\s*\|))", tasks)) - {"stack_up"}
    assert used == set(specs[entry]["options"])


def test_a_role_without_arguments_has_only_templates() -> None:
    for role in {path.name for path in ROLES.iterdir() if path.is_dir()} - {role for role, _entry in ENTRIES}:
        assert {path.name for path in (ROLES / role).iterdir()} == {"README.md", "templates"}
