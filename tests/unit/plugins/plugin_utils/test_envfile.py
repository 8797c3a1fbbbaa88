# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Env files as text: what the two formats would let slip is refused, with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.torrust.deployer.plugins.plugin_utils._envfile import load, parse
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(exclude_categories=("C", "Z"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz_", min_size=1), inner, max_size=3),
)


@given(st.dictionaries(st.text("abc_", min_size=1), _JSON, max_size=4))
def test_both_formats_give_back_what_was_written(data: dict[str, object]) -> None:
    assert parse(json.dumps(data), json_only=True) == data
    assert parse(json.dumps(data)) == data
    assert parse(yaml.safe_dump(data)) == data


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused_with_a_reason(text: str) -> None:
    for json_only in (True, False):
        reason = "none"
        try:
            parse(text, json_only=json_only)
        except ValueError as error:
            reason = str(error)
        assert reason


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "a: 1\na: 2\n", "b:\n  a: 1\n  a: 2\n", "1: x\n", "yes: x\n"])
def test_keys_that_would_be_lost_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="twice|quoted"):
        parse(text)


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system [id]", "&a [*a]", "[" * 3000, "{" * 3000])
def test_hostile_yaml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        parse(text)


def test_a_few_lines_that_unfold_to_millions_are_refused() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]
    with pytest.raises(ValueError, match="aliases"):
        parse("\n".join(lines))


@pytest.mark.parametrize(
    ("name", "content", "code", "exit_code"),
    [
        ("missing.yml", None, "env-file-not-found", ExitCode.NOT_FOUND),
        ("bytes.yml", b"\xff\xfe\x00", "env-file-unreadable", ExitCode.INVALID_ENVIRONMENT),
        ("broken.json", b'{\n "a": }', "env-file-syntax", ExitCode.INVALID_ENVIRONMENT),
        ("broken.yml", b"a: [1\nb: 2", "env-file-syntax", ExitCode.INVALID_ENVIRONMENT),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_what_next(
    tmp_path: Path, name: str, content: bytes | None, code: str, exit_code: ExitCode
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DeployerError) as caught:
        load(path)
    assert (caught.value.code, caught.value.exit_code) == (code, exit_code)
    assert caught.value.where == str(path)
    assert str(path) in caught.value.next_step


def test_the_place_of_a_syntax_error_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{\n  "a": }')
    with pytest.raises(DeployerError) as caught:
        load(path)
    assert caught.value.cause.startswith("line 2, column 8")


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "windows.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert load(path) == {"a": 1}
