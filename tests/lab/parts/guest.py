# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests' image: Debian 13 with systemd, SSH and cloud-init."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .._part import Artifact
from .._process import Log

SUITE = "trixie"
_INCLUDE = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "python3", "python3-apt", "cloud-init", "locales"),
    *("netbase", "ifupdown", "isc-dhcp-client", "iproute2", "iputils-ping", "curl", "ca-certificates"),
)
_METADATA = """architecture: x86_64
creation_date: 1
properties:
  os: debian
  release: trixie
  description: Debian 13 (made by tests/lab)
  lab.recipe: "{recipe}"
"""


class Guest(Artifact):
    """``rootfs.tar`` and ``metadata.tar``, as ``lxc image import`` takes them."""

    name = "guest"
    needs = ("packages",)
    takes = "85 s"

    def recipe(self) -> Iterable[str | bytes | Path]:
        """Return the suite, the packages and the metadata."""
        return (SUITE, *_INCLUDE, _METADATA)

    def make(self, target: Path, work: Path, log: Log) -> None:
        """Bootstrap the system. Not compressed: that would take longer than everything else."""
        bootstrap: list[str | Path] = [
            "mmdebstrap",
            "--variant=apt",
            f"--include={','.join(_INCLUDE)}",
            SUITE,
            target / "rootfs.tar",
        ]
        log.run(["nice", "-n", "5", *bootstrap])
        (work / "metadata.yaml").write_text(_METADATA.format(recipe=self.hash))
        log.run(["tar", "--create", f"--directory={work}", f"--file={target / 'metadata.tar'}", "metadata.yaml"])
