# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracker's programs, real, built from the published crate."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from .._part import Artifact
from .._process import LabError, Log

VERSION = "3.0.0"
_PROGRAMS = ("torrust-tracker", "http_health_check", "http_tracker_client", "udp_tracker_client")
# An optimised build takes a quarter of an hour; this one is as correct.
_PROFILE = {
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_RELEASE_DEBUG": "0",
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
}


class Tracker(Artifact):
    """``bin/`` with the programs and ``config/`` with the default configurations of the crate."""

    name = "tracker"
    needs = ("packages",)
    takes = "4 min"

    def recipe(self) -> Iterable[str | bytes | Path]:
        """Return version, programs and compiler settings."""
        return (VERSION, *_PROGRAMS, *(f"{key}={value}" for key, value in _PROFILE.items()))

    def make(self, target: Path, work: Path, log: Log) -> None:
        """Compile; a killed build goes on where it was."""
        home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
        cargo = shutil.which("cargo") or str(home / "bin" / "cargo")
        if not Path(cargo).exists():
            raise LabError("no cargo on PATH: the tracker is compiled. Install Rust")
        programs = [word for program in _PROGRAMS for word in ("--bin", program)]
        log.run(
            ["nice", "-n", "5", cargo, "install", "torrust-tracker", "--version", VERSION, "--locked", "--force"]
            + [*programs, "--target-dir", str(work / "target"), "--root", str(work / "root")],
            env=_PROFILE,
        )
        shutil.copytree(work / "root" / "bin", target / "bin")
        sources = sorted(home.glob(f"registry/src/*/torrust-tracker-{VERSION}/share/default/config"))
        if not sources:
            raise LabError(f"cargo left no sources of torrust-tracker {VERSION} under {home}")
        shutil.copytree(sources[0], target / "config")
