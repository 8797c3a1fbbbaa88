# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One function per output format: any text, quoted so that the format's own parser gives it back unchanged."""

from __future__ import annotations

import json
import re
from typing import Any

_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")


class Unquotable(ValueError):
    """The text cannot be written in this format at all."""


def toml(value: Any) -> str:
    """A TOML basic string, boolean or integer. JSON's escapes are TOML's, save DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def dotenv(value: str) -> str:
    """A value of a compose ``.env`` file. ``Unquotable`` for line breaks and NUL, which no variable here may hold.

    Single quotes keep everything but themselves; double quotes need ``\\``, ``"`` and ``$`` escaped.
    """
    if any(character in value for character in "\n\r\0"):
        raise Unquotable("line breaks cannot stand in a .env value")
    if "'" not in value and "\\" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def yaml(value: Any) -> str:
    """A YAML scalar or flow collection: JSON is YAML, save that it escapes what is beyond U+FFFF as two characters."""
    return _NOT_PLAIN.sub(lambda found: f"\\U{ord(found[0]):08x}", json.dumps(value, ensure_ascii=False))


def compose(value: str) -> str:
    """Text in a compose file that is not to be interpolated."""
    return value.replace("$", "$$")


FORMATS = {"toml": toml, "dotenv": dotenv, "yaml": yaml, "compose": compose}
