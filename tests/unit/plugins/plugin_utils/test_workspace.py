# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which directory is the workspace, and what relative paths mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils import _workspace
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

CWD = Path("/where/i/stand")
ALL = {"TORRUST_DEPLOYER_WORKSPACE": "/variable", "XDG_DATA_HOME": "/xdg", "HOME": "/home/anna"}


@pytest.mark.parametrize(
    ("explicit", "environ", "expected"),
    [
        ("/given", ALL, "/given"),
        ("", ALL, "/variable"),
        (None, ALL, "/variable"),
        (None, {**ALL, "TORRUST_DEPLOYER_WORKSPACE": ""}, "/xdg/torrust-deployer"),
        (None, {"XDG_DATA_HOME": "relative", "HOME": "/home/anna"}, "/home/anna/.local/share/torrust-deployer"),
        (None, {"HOME": "/home/anna"}, "/home/anna/.local/share/torrust-deployer"),
        ("here", ALL, "/where/i/stand/here"),
        (".", ALL, "/where/i/stand"),
        ("~/there", ALL, "/home/anna/there"),
        (None, {**ALL, "TORRUST_DEPLOYER_WORKSPACE": "~"}, "/home/anna"),
    ],
)
def test_the_first_that_is_given_counts(explicit: str | None, environ: dict[str, str], expected: str) -> None:
    assert _workspace.resolve(explicit, environ, CWD) == Path(expected)


def test_a_relative_env_file_is_the_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _workspace.caller_path("envs/a.yml", {}) == tmp_path / "envs/a.yml"
    assert _workspace.caller_path("/envs/a.yml", {}) == Path("/envs/a.yml")
    assert _workspace.caller_path("~other/a.yml", {}) == tmp_path / "~other/a.yml"


def test_without_a_home_one_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(DeployerError) as caught:
        _workspace.resolve(None, {})
    assert caught.value.code == "no-workspace"
    assert caught.value.exit_code is ExitCode.USAGE
    assert _workspace.resolve("/given", {}) == Path("/given")
