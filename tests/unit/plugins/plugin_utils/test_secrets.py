# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets are read from where the file says, and generated once where it says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._secrets import complete, read


def test_each_kind_of_source(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b" from a file \r\n")
    sources = {"a": "literal", "b": {"env": "TOKEN"}, "c": {"file": "token"}, "d": {"file": str(tmp_path / "token")}}
    values = read(sources, tmp_path, {"TOKEN": "from the environment"})
    assert values == {"a": "literal", "b": "from the environment", "c": " from a file ", "d": " from a file "}


@pytest.mark.parametrize(
    ("source", "content", "cause"),
    [
        ({"env": "TOKEN"}, None, "TOKEN is not set"),
        ({"env": "EMPTY"}, None, "EMPTY is empty"),
        ({"file": "token"}, None, "No such file"),
        ({"file": "."}, None, "directory"),
        ({"file": "token"}, b"\n", "is empty"),
        ({"file": "token"}, b"\xff\xfe", "UTF-8"),
        ({"file": "token"}, b"x" * 70000, "too large"),
    ],
)
def test_what_cannot_be_read_says_which_and_why(
    tmp_path: Path, source: dict[str, Any], content: bytes | None, cause: str
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(DeployerError) as caught:
        read({"tracker.http_api.admin_token": source}, tmp_path, {"EMPTY": ""})
    error = caught.value
    assert (error.code, error.exit_code) == ("secret-unavailable", ExitCode.INVALID_ENVIRONMENT)
    assert error.where == "tracker.http_api.admin_token"
    assert cause in error.cause
    assert error.next_step


@pytest.mark.parametrize("value", ["two\nlines", "carriage\rreturn", "nul\0"])
def test_what_no_format_can_hold_is_refused_and_not_shown(tmp_path: Path, value: str) -> None:
    with pytest.raises(DeployerError) as caught:
        read({"a": value}, tmp_path, {})
    assert caught.value.code == "bad-secret"
    assert value not in caught.value.text()


def test_missing_ones_are_generated_strong_and_known_ones_are_kept() -> None:
    one, other = complete({"a": "kept"}, ["a", "b"]), complete({}, ["b"])
    assert one["a"] == "kept"
    assert one["b"] != other["b"]
    assert len(one["b"]) >= 32
    assert set(one["b"]) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
