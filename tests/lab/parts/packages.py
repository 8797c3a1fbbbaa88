# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes from the distribution's packages."""

from __future__ import annotations

import os
import subprocess

from .._part import Part
from .._process import LabError, Log

# The last line: what the tracker's crate and its dependencies need to be compiled.
PACKAGES = (
    *("lxd", "lxd-client", "dnsmasq-base", "docker.io", "iptables", "iproute2", "openssh-client"),
    *("mmdebstrap", "debian-archive-keyring", "zstd", "ca-certificates"),
    *("build-essential", "cmake", "libssl-dev", "pkg-config"),
)


class Packages(Part):
    """Packages are installed once and stay: ``down`` does not remove software."""

    name = "packages"
    takes = "20 s"

    def _missing(self) -> list[str]:
        done = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *PACKAGES],
            capture_output=True,
            text=True,
            check=False,
        )
        there = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
        return [name for name in PACKAGES if name not in there]

    def is_up(self) -> bool:
        """Tell whether all packages are installed."""
        try:
            return not self._missing()
        except FileNotFoundError:
            return False

    def build(self, log: Log) -> None:
        """Install what is missing; refresh the package lists only when that fails without."""
        if os.geteuid() != 0:
            raise LabError("the lab needs root: it installs packages and starts LXD and Docker")
        try:
            missing = self._missing()
        except FileNotFoundError:
            raise LabError(f"no dpkg here. On other distributions install what {', '.join(PACKAGES)} are") from None
        install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        try:
            log.run(install, env=quiet)
        except LabError:
            log.run(["apt-get", "update"])
            log.run(install, env=quiet)

    def detail(self) -> str:
        """Return how many there are, or which are missing."""
        try:
            missing = self._missing()
        except FileNotFoundError:
            return "no dpkg here"
        return f"missing: {' '.join(missing)}" if missing else f"{len(PACKAGES)} installed"
