# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ``tf`` package lacks for this schema: list blocks, and attributes whose absence means a default.

``tf`` never shows a plan the configuration, only the state that OpenTofu proposes. An optional *and computed* attribute
keeps its old value there when its line is deleted, so the deletion would go unseen. Here such attributes are optional
only, null is stored as null, and null equals the default wherever two values are compared.
"""

from __future__ import annotations

from typing import Any

from tf.blocks import SetNestedBlock
from tf.gen import tfplugin_pb2 as pb
from tf.schema import Attribute, Block
from tf.types import Bool, List, Map, String, TfType, Unknown


class ListBlock(SetNestedBlock):
    """A nested block whose order counts; ``tf`` itself knows only sets."""

    def to_pb(self) -> pb.Schema.NestedBlock:
        """Return the block's schema message, marked as a list."""
        message = super().to_pb()
        message.nesting = pb.Schema.NestedBlock.NestingMode.LIST
        return message


class _NullIsDefault:
    """Mixin for a type: null and ``default`` are the same value."""

    default: Any = None

    def semantically_equal(self, a_decoded: Any, b_decoded: Any) -> bool:
        """Compare two values, reading null as the default."""
        if Unknown in (a_decoded, b_decoded):
            return a_decoded is b_decoded
        a, b = (self.default if value is None else value for value in (a_decoded, b_decoded))
        return bool(a == b)


class _String(_NullIsDefault, String):
    pass


class _Bool(_NullIsDefault, Bool):
    pass


class _Map(_NullIsDefault, Map):
    pass


class _List(_NullIsDefault, List):
    pass


def _with_default(kind: TfType, default: Any) -> TfType:
    kind.default = default
    return kind


def text(name: str, default: str = "", *, replace: bool = False) -> Attribute:
    """Return an optional string attribute; null means ``default``."""
    return Attribute(name, _with_default(_String(), default), optional=True, requires_replace=replace)


def flag(name: str, default: bool, *, replace: bool = False) -> Attribute:
    """Return an optional boolean attribute; null means ``default``."""
    return Attribute(name, _with_default(_Bool(), default), optional=True, requires_replace=replace)


def text_map(name: str) -> Attribute:
    """Return an optional map of strings; null means empty."""
    return Attribute(name, _with_default(_Map(String()), {}), optional=True)


def text_list(name: str, default: list[str]) -> Attribute:
    """Return an optional list of strings; null means ``default``."""
    return Attribute(name, _with_default(_List(String()), default), optional=True)


def computed(name: str) -> Attribute:
    """Return a string attribute that only the provider sets."""
    return Attribute(name, String(), computed=True)


def device_block() -> SetNestedBlock:
    """Return the ``device`` block that profiles and instances share."""
    return SetNestedBlock(
        "device",
        Block(
            attributes=[
                Attribute("name", String(), required=True),
                Attribute("type", String(), required=True),
                Attribute("properties", Map(String()), required=True),
            ]
        ),
    )
