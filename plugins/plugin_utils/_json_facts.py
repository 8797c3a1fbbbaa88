# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frozen dataclasses as JSON and back, strictly: a document that does not fit its type is refused, with the path.

Types that may occur: ``str``, ``int``, ``bool``, ``Any``, ``Literal``, another dataclass, ``tuple[X, ...]``,
``dict[str, X]`` and ``X | None``. A field with a default may be missing; an unknown key is an error, since writing the
document back would lose it.
"""

from __future__ import annotations

import dataclasses
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class MisfitError(ValueError):
    """A value that does not fit: the message names its path and what was expected."""


def to_json(value: Any) -> Any:
    """``value`` as plain dicts, lists and scalars, sharing nothing with it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def from_json[T](kind: type[T], document: Any, path: str = "") -> T:
    """``document`` as a ``kind``; raises ``MisfitError``."""
    result: T = _read(kind, document, path)
    return result


def _read(kind: Any, value: Any, path: str) -> Any:
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _read_dataclass(kind, value, path)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return None
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return _read(inner, value, path)
    if origin is Literal:
        if value not in arguments:
            raise _misfit(path, "one of " + ", ".join(map(str, arguments)), value)
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise _misfit(path, "a list", value)
        return tuple(_read(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise _misfit(path, "an object", value)
        return {key: _read(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    # A bool is an int to Python, but not to whoever reads the document.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _misfit(
            path,
            {"str": "text", "int": "a number", "bool": "true or false"}[kind.__name__],
            value,
        )
    return value


def _read_dataclass(kind: type[Any], value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise _misfit(path, "an object", value)
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(set(value) - set(fields)):
        raise MisfitError(f"{_at(path, unknown[0])} is not known")
    needed = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if missing := sorted(needed - set(value)):
        raise MisfitError(f"{_at(path, missing[0])} is missing")
    return kind(**{name: _read(hints[name], item, _at(path, name)) for name, item in value.items()})


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _misfit(path: str, expected: str, value: Any) -> MisfitError:
    # The type only, never the value: it may be anything, even a secret in the wrong place.
    found = "null" if value is None else type(value).__name__
    return MisfitError(f"{path or 'the document'} must be {expected}, but is {found}")
