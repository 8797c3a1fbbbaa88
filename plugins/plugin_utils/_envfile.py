# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading an env file: JSON or YAML text to plain data, refusing what the two formats let slip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import (
    DeployerError,
    ExitCode,
)


class _DuplicateKey(ValueError):
    """The same key twice in one mapping: the last would win in silence."""


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _DuplicateKey(f"the key '{key}' stands twice in one object")
        result[key] = value
    return result


class _Loader(yaml.SafeLoader):
    """Safe YAML without duplicate keys, non-text keys and merge surprises."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    pairs: list[tuple[str, Any]] = []
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise _DuplicateKey(f"line {key_node.start_mark.line + 1}: the key {key!r} must be quoted text")
        pairs.append((key, loader.construct_object(value_node, deep=True)))
    return _unique_pairs(pairs)


def _sequence(loader: _Loader, node: yaml.SequenceNode) -> list[Any]:
    """At once, so that a list that holds itself is refused."""
    return [loader.construct_object(item, deep=True) for item in node.value]


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_SEQUENCE_TAG, _sequence)


# Values that an env file may have, aliases unfolded; the largest example has less than a hundred.
_LARGEST = 20_000


def _size(value: Any, known: dict[int, int]) -> int:
    """How many values there are, without unfolding: what an alias names is looked at once."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        known[id(value)] = 1 + sum(
            _size(item, known) for item in (value.values() if isinstance(value, dict) else value)
        )
    return known[id(value)]


def parse(text: str, *, json_only: bool = False) -> Any:
    """Parse env file text; raises ``ValueError`` with place and reason."""
    try:
        if json_only:
            return json.loads(text, object_pairs_hook=_unique_pairs)
        # Every JSON env file is also YAML, but JSON's own parser names the place better.
        if text.lstrip().startswith("{"):
            try:
                return json.loads(text, object_pairs_hook=_unique_pairs)
            except json.JSONDecodeError:
                pass
        data = yaml.load(text, Loader=_Loader)
        if _size(data, {}) > _LARGEST:
            raise ValueError("its aliases (*) unfold to far more than an environment needs")
        return data
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{place}{error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error) or "nested too deeply") from error


def load(path: Path) -> Any:
    """Read and parse an env file (``.json`` as JSON, everything else as YAML)."""
    retry = f"torrust-tracker-deployer validate --env-file {path}"
    try:
        # Some editors begin a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DeployerError(
            "env-file-not-found",
            "The environment file does not exist.",
            where=str(path),
            next_step=f"write one (see examples/), then: {retry}",
            exit_code=ExitCode.NOT_FOUND,
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DeployerError(
            "env-file-unreadable",
            "The environment file cannot be read.",
            where=str(path),
            cause=str(error),
            next_step=f"make it a readable UTF-8 text file, then: {retry}",
            exit_code=ExitCode.INVALID_ENVIRONMENT,
        ) from error
    try:
        return parse(text, json_only=path.suffix == ".json")
    except ValueError as error:
        raise DeployerError(
            "env-file-syntax",
            "The environment file is not valid " + ("JSON." if path.suffix == ".json" else "YAML."),
            where=str(path),
            cause=str(error),
            next_step=f"mend the place named above, then: {retry}",
            exit_code=ExitCode.INVALID_ENVIRONMENT,
        ) from error
