# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The JSON Schema of the env file applied: its violations as problems, its defaults filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ansible_collections.torrust.deployer.plugins.plugin_utils._collection import (
    collection_file,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError
from ansible_collections.torrust.deployer.plugins.plugin_utils._problems import (
    Path,
    Problem,
    did_you_mean,
)

try:
    from jsonschema import Draft202012Validator, validators
    from jsonschema.exceptions import ValidationError
except ImportError as error:
    _MISSING: ImportError | None = error
else:
    _MISSING = None

_TYPE_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}

# Keys that people write because some documentation shows them; what to write instead.
_KNOWN_MISTAKES = {
    "caddy": "write an https section (admin_email), and domain with use_tls_proxy: true on each service to serve over "
    "HTTPS",
    "tls": "write domain and use_tls_proxy: true",
}


@cache
def schema() -> dict[str, Any]:
    """The public schema, ``schema/environment.schema.json``."""
    text = collection_file("schema", "environment.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def _dialect() -> type[Draft202012Validator]:
    """JSON Schema as JSON and JavaScript mean it, where Python means something else.

    ``$`` is the very end of the text, not the place before a last line break; 22.0 is not a whole number.
    """
    if _MISSING is not None:
        raise DeployerError(
            "library-missing",
            "The Python library jsonschema is not installed where Ansible runs.",
            cause=str(_MISSING),
            next_step="pip install jsonschema (into the Python that runs Ansible), then run the same command again",
        ) from _MISSING
    integers = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _checker, value: isinstance(value, int) and not isinstance(value, bool)
    )
    dialect: type[Draft202012Validator] = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": _pattern}, type_checker=integers
    )
    return dialect


def _pattern(
    _validator: Draft202012Validator, pattern: str, value: Any, _node: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ValidationError(f"does not match {pattern}")


@cache
def _validator() -> Draft202012Validator:
    return _dialect()(schema())


def _resolve(node: Mapping[str, Any]) -> dict[str, Any]:
    """A schema node with its ``$ref`` merged in."""
    merged = dict(node)
    reference = merged.pop("$ref", None)
    if reference:
        target = schema()["$defs"][reference.removeprefix("#/$defs/")]
        merged = {**target, **merged}
    return merged


def variants(node: Mapping[str, Any], value: Any) -> Iterator[dict[str, Any]]:
    """The node and, for a tagged union, the branch that the value's tag chooses."""
    resolved = _resolve(node)
    yield resolved
    for branch in resolved.get("allOf", ()):
        condition = _dialect()(branch["if"])
        if condition.is_valid(value):
            yield _resolve(branch["then"])


def _show(error: ValidationError) -> str:
    secret = isinstance(error.schema, Mapping) and (
        error.schema.get("x-secret") or "x-secret" in _resolve(error.schema)
    )
    if secret or error.validator in ("required", "additionalProperties") or isinstance(error.instance, (dict, list)):
        return ""
    # YAML knows more types than JSON, such as dates.
    return json.dumps(error.instance, ensure_ascii=False, default=str)


def _problem(error: ValidationError) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    instance: Any = error.instance
    expected: Any = error.validator_value
    node: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    keyword = str(error.validator)
    if keyword == "additionalProperties":
        known = list(node.get("properties", {}))
        for key in instance:
            if key not in known:
                advice = _KNOWN_MISTAKES.get(key) or f"remove it or write one of: {', '.join(known)}"
                yield Problem(
                    "unknown-key",
                    (*path, key),
                    "unknown key" + did_you_mean(key, known),
                    advice,
                )
        return
    if keyword == "required":
        for key in expected:
            if key not in instance:
                described = _resolve(node.get("properties", {}).get(key, {}))
                yield Problem(
                    "missing-key",
                    (*path, key),
                    "is required",
                    f"add it: {described.get('description') or described.get('title', key)}",
                )
        return
    message, fix = node.get("x-message"), node.get("x-fix")
    if keyword == "type":
        kinds = expected if isinstance(expected, list) else [expected]
        names = " or ".join(_TYPE_NAMES[kind] for kind in kinds)
        message = f"must be {names}"
        if isinstance(instance, list) and "string" in kinds:
            fix = "put the value in quotes: in YAML [ starts a list"
    elif keyword in ("enum", "const"):
        allowed = [str(value) for value in node.get("enum", [node.get("const")])]
        message = f"must be {' or '.join(allowed)}" + did_you_mean(str(instance), allowed)
    elif keyword in ("minimum", "maximum"):
        message = f"must be between {node.get('minimum')} and {node.get('maximum', 'any')}"
    elif keyword in ("minLength", "maxLength"):
        message = message or (
            "must not be empty" if keyword == "minLength" else f"must have at most {node['maxLength']} characters"
        )
    elif keyword == "not":
        message = "must not be " + str(expected.get("const"))
    yield Problem(
        f"bad-{'value' if keyword != 'type' else 'type'}",
        path,
        message or error.message,
        fix or f"write {node.get('description', 'a legal value')}",
        _show(error),
    )


def violations(data: Any) -> list[Problem]:
    """Everything in which the data breaks the schema, each once."""
    found: dict[tuple[str, Path], Problem] = {}
    for error in _validator().iter_errors(data):
        leaves = [error]
        if error.validator in ("allOf", "if", "then") and error.context:
            leaves = list(error.context)
        for leaf in leaves:
            for problem in _problem(leaf):
                found.setdefault((problem.code, problem.path), problem)
    return list(found.values())


def with_defaults(data: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of valid data in which every absent key that has a default stands, and nulls of optional keys are gone."""
    filled: dict[str, Any] = _fill(schema(), data)
    return filled


def _fill(node: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, list):
        items = _resolve(node).get("items", {})
        return [_fill(items, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    result: dict[str, Any] = {}
    for variant in variants(node, value):
        for key, child in variant.get("properties", {}).items():
            described = _resolve(child)
            if value.get(key) is not None:
                result[key] = _fill(child, value[key])
            elif "default" in described:
                result.setdefault(key, described["default"])
    for key, item in value.items():
        if key not in result and item is not None:
            result[key] = item
    return result


def secret_paths(data: Any, node: Mapping[str, Any] | None = None, path: Path = ()) -> Iterator[Path]:
    """Paths of all values in the data that the schema marks as secret."""
    for variant in variants(schema() if node is None else node, data):
        if variant.get("x-secret") or any("$ref" in part for part in variant.get("anyOf", ())):
            if data is not None:
                yield path
            return
        if isinstance(data, list):
            for index, item in enumerate(data):
                yield from secret_paths(item, variant.get("items", {}), (*path, index))
        elif isinstance(data, Mapping):
            for key, child in variant.get("properties", {}).items():
                if key in data:
                    yield from secret_paths(data[key], child, (*path, key))
