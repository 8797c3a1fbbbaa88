# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets: read from where the env file says, and generated where it says nothing."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

# Stands in a rendered file for what `create` will generate; long enough for every rule a secret has to obey.
GENERATED_LATER = "GENERATED-BY-CREATE-NOT-A-SECRET"

_GENERATED_BYTES = 32
_LARGEST_FILE = 65536


def read(sources: Mapping[str, Any], base: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The value of each secret by its path. ``base``: directory that relative ``{file: PATH}`` start from.

    Raises ``secret-unavailable`` for the first one that cannot be read; the message names the source, never a value.
    """
    return {path: _checked(path, _read(path, source, base, environ)) for path, source in sources.items()}


def _checked(path: str, value: str) -> str:
    """No format that a secret lands in can hold these; the file of a container's variables least of all."""
    if any(character in value for character in "\n\r\0"):
        raise DeployerError(
            "bad-secret",
            f"The secret {path} has a line break or a NUL in it.",
            where=path,
            next_step="choose another one on one line, then run the same command again",
            exit_code=ExitCode.INVALID_ENVIRONMENT,
        )
    return value


def _read(path: str, source: Any, base: Path, environ: Mapping[str, str]) -> str:
    if isinstance(source, str):
        return source
    if "env" in source:
        value = environ.get(source["env"])
        if value is None:
            raise _unavailable(
                path,
                f"the environment variable {source['env']} is not set",
                f"export {source['env']}=..., then run the same command again",
            )
        if not value:
            raise _unavailable(
                path, f"the environment variable {source['env']} is empty", f"give {source['env']} a value"
            )
        return value
    return _from_file(path, base / source["file"])


def _from_file(path: str, file: Path) -> str:
    """The file's text without the line break that editors and ``echo`` leave at its end."""
    again = "then run the same command again"
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            value = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise _unavailable(
            path, f"{file}: {error.strerror}", f"write the secret to that file (mode 0600), {again}"
        ) from error
    except UnicodeDecodeError as error:
        raise _unavailable(path, f"{file}: is not UTF-8 text", f"write the secret to it as text, {again}") from error
    if len(value) > _LARGEST_FILE:
        raise _unavailable(path, f"{file}: is too large for a secret", f"mend the path, {again}")
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise _unavailable(path, f"{file}: is empty", f"write the secret to it, {again}")
    return value


def _unavailable(path: str, cause: str, next_step: str) -> DeployerError:
    return DeployerError(
        "secret-unavailable",
        f"The secret {path} cannot be read.",
        where=path,
        cause=cause,
        next_step=next_step,
        exit_code=ExitCode.INVALID_ENVIRONMENT,
    )


def complete(known: Mapping[str, str], needed: Iterable[str]) -> dict[str, str]:
    """``known`` and a new strong value (43 URL-safe characters) for each needed secret that is not among them."""
    return {**known, **{name: random.token_urlsafe(_GENERATED_BYTES) for name in needed if name not in known}}
