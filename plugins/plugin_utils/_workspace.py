# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where environments are kept on the controller, and what a relative path means to the person who typed it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

VARIABLE = "TORRUST_DEPLOYER_WORKSPACE"


def _home(environ: Mapping[str, str]) -> Path:
    """``$HOME``, else the home of the user database; an account without either must name a workspace."""
    home = environ.get("HOME", "")
    if home.startswith("/"):
        return Path(home)
    try:
        return Path.home()
    except RuntimeError:
        raise DeployerError(
            "no-workspace",
            "This account has no home directory, so there is no default workspace.",
            next_step=f"name one: --working-dir DIRECTORY, -e workspace=DIRECTORY, or export {VARIABLE}=DIRECTORY",
            exit_code=ExitCode.USAGE,
        ) from None


def caller_path(path: str, environ: Mapping[str, str], cwd: Path | None = None) -> Path:
    """``path`` as whoever typed it meant it: ``~`` is their home, a relative path starts where they stand.

    Always absolute. Symbolic links are kept: the name that was typed is the name that messages show.
    """
    text = path
    if text == "~" or text.startswith("~/"):
        text = str(_home(environ)) + text[1:]
    return Path(cwd or Path.cwd()) / text


def resolve(explicit: str | None, environ: Mapping[str, str], cwd: Path | None = None) -> Path:
    """The workspace: ``explicit``, else ``$TORRUST_DEPLOYER_WORKSPACE``, else the user's data directory.

    An empty value counts as not given. A relative ``$XDG_DATA_HOME`` is ignored, as its specification asks.
    The directory need not exist.
    """
    for given in (explicit, environ.get(VARIABLE)):
        if given:
            return caller_path(given, environ, cwd)
    data = environ.get("XDG_DATA_HOME", "")
    base = Path(data) if data.startswith("/") else _home(environ) / ".local" / "share"
    return base / "torrust-deployer"
