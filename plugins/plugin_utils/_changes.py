# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an applied env file changes: key by key, with how each change takes effect (``x-change`` of the schema)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ansible_collections.torrust.deployer.plugins.plugin_utils._problems import Path, format_path
from ansible_collections.torrust.deployer.plugins.plugin_utils._schema import schema, variants

How = Literal["live", "recreates", "migration", "never"]

SECRET = "(secret)"

_EFFECT: Mapping[How, str] = {
    "live": "applied without a restart",
    "recreates": "the service is recreated",
    "migration": "needs a migration",
    "never": "cannot be changed",
}


@dataclass(frozen=True)
class Change:
    """One key. ``old`` and ``new`` as JSON text: empty where the key is absent, ``(secret)`` where it is one."""

    path: str
    old: str
    new: str
    how: How

    def document(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)

    def text(self) -> str:
        """One line for a person."""
        return f"{self.path}: {self.old or '(absent)'} -> {self.new or '(absent)'}  [{_EFFECT[self.how]}]"


def changes(
    old: Mapping[str, Any], new: Mapping[str, Any], old_secrets: Mapping[str, str], new_secrets: Mapping[str, str]
) -> list[Change]:
    """What differs between two env documents (``Environment.document``) and the secrets that the new file gives."""
    before, after = dict(_leaves(old, ())), dict(_leaves(new, ()))
    found = [
        Change(
            format_path(path), _show(before, path), _show(after, path), how_changed(new if path in after else old, path)
        )
        for path in sorted({**before, **after}, key=lambda path: [str(part).zfill(6) for part in path])
        if before.get(path) != after.get(path)
    ]
    found += [
        Change(name, SECRET if name in old_secrets else "", SECRET, how_changed(new, tuple(name.split("."))))
        for name, value in new_secrets.items()
        if old_secrets.get(name) != value
    ]
    return found


def how_changed(document: Mapping[str, Any], path: Path) -> How:
    """The nearest ``x-change`` on the way to ``path``; ``recreates`` where the schema says nothing."""
    how: How = "recreates"
    nodes, value = [schema()], document
    for part in path:
        children = []
        for node in nodes:
            for variant in variants(node, value):
                child = variant.get("items") if isinstance(part, int) else variant.get("properties", {}).get(part)
                if child is not None:
                    children.append(child)
        if isinstance(value, Mapping):
            value = value.get(str(part), {})
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        for child in children:
            how = child.get("x-change", how)
        nodes = children
    return how


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every scalar with its path. Secrets are left out: they are compared by value, elsewhere."""
    if isinstance(value, Mapping):
        if set(value) == {"stored"}:
            return
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path, value


def _show(leaves: Mapping[Path, Any], path: Path) -> str:
    return json.dumps(leaves[path], ensure_ascii=False) if path in leaves else ""
