# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every format's own parser gives back the text that was quoted for it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.torrust.deployer.plugins.plugin_utils import _quoting

# Lone surrogates cannot be written as UTF-8; nothing that was read from a file holds them.
_text = st.text(st.characters(exclude_categories=["Cs"])) | st.text("'\"\\$#{}=: abfnrtv0", max_size=12)
_hostile = ["'", '"', "\\", "${HOME}", "$$", "\\'", '\\"', "a\\", " # x", "\x7f", "\u2028", "\x85", "\ufeff", "😀"]

# What compose-go's parser of .env files does with a double-quoted value, once its quotes are off.
_ESCAPE = re.compile(r'\\([abcfnrtv$"\\]|0\d{0,3})')
_ESCAPED = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "$": "$$",
    '"': '"',
    "\\": "\\",
}
_VARIABLE = re.compile(r"\$(?:\$|\w+|\{[^}]*\})")


def _compose_reads(line: str) -> str:
    """The value in ``NAME=<quoted>`` as docker compose reads it; every variable is unset there."""
    chars: list[str] = []
    quote, escaped = line[0], False
    assert quote in "'\""
    for position in range(1, len(line)):
        char = line[position]
        if char == quote and not escaped:
            assert position == len(line) - 1, "text after the closing quote"
            value = "".join(chars)
            if quote == "'":
                return value
            expanded = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[0]), value)
            return _VARIABLE.sub(lambda found: "$" if found[0] == "$$" else "", expanded)
        if char == "\\" and not escaped:
            escaped = True
            continue
        if escaped and char != quote:
            chars.append("\\")
        escaped = False
        chars.append(char)
    raise AssertionError("unterminated quoted value")


def _examples(test: Any) -> Any:
    for text in _hostile:
        test = example(text)(test)
    return test


@_examples
@given(_text)
def test_toml_reads_any_text_back(text: str) -> None:
    assert tomllib.loads(f"key = {_quoting.toml(text)}\n") == {"key": text}


@given(st.booleans() | st.integers(-(2**63), 2**63 - 1))
def test_toml_reads_values_back_with_their_types(value: bool | int) -> None:
    read = tomllib.loads(f"key = {_quoting.toml(value)}\n")["key"]
    assert (type(read), read) == (type(value), value)


@_examples
@given(_text)
def test_yaml_reads_any_text_back(text: str) -> None:
    assert yaml.safe_load(f"key: {_quoting.yaml(text)}\nnext: 1\n") == {"key": text, "next": 1}


@given(st.lists(_text | st.booleans() | st.integers() | st.none()))
def test_yaml_reads_lists_back(values: list[Any]) -> None:
    assert yaml.safe_load(_quoting.yaml(values)) == values


@_examples
@given(_text)
def test_compose_reads_any_line_back_from_the_env_file(text: str) -> None:
    if any(character in text for character in "\n\r\0"):
        with pytest.raises(_quoting.Unquotable):
            _quoting.dotenv(text)
    else:
        quoted = _quoting.dotenv(text)
        assert "\n" not in quoted
        assert _compose_reads(quoted) == text


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "\0", "a\r\n"])
def test_what_no_variable_can_hold_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(_quoting.Unquotable) as caught:
        _quoting.dotenv(text)
    assert text not in str(caught.value)


@_examples
@given(_text)
def test_compose_interpolates_nothing_in_quoted_text(text: str) -> None:
    assert _VARIABLE.sub(lambda found: "$" if found[0] == "$$" else "", _quoting.compose(text)) == text
