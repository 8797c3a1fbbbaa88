# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenTofu, real, built from its Go module."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from .. import _paths
from .._part import Artifact
from .._process import LabError, Log

_GO_MOD = _paths.HERE / "recipes" / "opentofu" / "go.mod"
_PROGRAM = "github.com/opentofu/opentofu/cmd/tofu"
# Without this the program calls itself a development build.
_FLAGS = "-s -w -X github.com/opentofu/opentofu/version.dev=no"


class OpenTofu(Artifact):
    """The program ``tofu``."""

    name = "opentofu"
    takes = "4 min"

    def recipe(self) -> Iterable[str | bytes | Path]:
        """Return the module file and the linker's flags."""
        return (_GO_MOD, _FLAGS)

    def make(self, target: Path, work: Path, log: Log) -> None:
        """Compile; what Go has compiled already stays in its own cache."""
        go = shutil.which("go") or "/usr/local/go/bin/go"
        if not Path(go).exists():
            raise LabError("no go on PATH: OpenTofu is compiled. Install Go 1.26 or later")
        shutil.copy(_GO_MOD, work / "go.mod")
        log.run(
            ["nice", "-n", "5", go, "build", "-trimpath", "-ldflags", _FLAGS, "-o", target / "tofu", _PROGRAM],
            cwd=work,
            # The sums of the modules are checked against the public log; there is no go.sum to keep in step.
            env={"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -buildvcs=false", "GOWORK": "off"},
        )
