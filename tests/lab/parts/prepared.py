# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest made ready in advance, so that tests need not install Docker each time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from .. import _paths
from .._daemon import wait_until
from .._lxd import LXC, LXC_ENVIRONMENT, delete_guest, get, lxc
from .._part import Artifact
from .._process import Log
from .guest import Guest
from .images import Images

_NAME = f"{_paths.GUEST_PREFIX}preparing"
_PACKAGES = (
    *("docker.io", "docker-cli", "docker-compose", "iptables", "ufw", "cron", "unattended-upgrades", "zstd", "python3"),
)
_INSTALL = f"""
set -e
cloud-init status --wait > /dev/null || true
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --yes --quiet --no-install-recommends {" ".join(_PACKAGES)}
docker version
"""
# A copy must not share keys, names or leases with its siblings.
_FORGET = """
set -e
docker image ls
systemctl stop docker.socket docker containerd
apt-get clean
rm -f /etc/ssh/ssh_host_* /var/lib/dhcp/* /var/lib/systemd/random-seed
cloud-init clean --logs
truncate --size 0 /etc/machine-id
rm -f /var/lib/dbus/machine-id
journalctl --rotate --quiet && journalctl --vacuum-time=1s --quiet
sync
"""


class Prepared(Artifact):
    """An LXD image of the guest image plus packages, with the lab's image archives loaded into its Docker."""

    name = "prepared"
    needs = ("guest-image", "images")
    takes = "60 s"

    def recipe(self) -> Iterable[str | bytes | Path]:
        """Return what it starts from and what is done to it."""
        return (Guest().hash, Images().hash, _INSTALL, _FORGET)

    def make(self, target: Path, work: Path, log: Log) -> None:
        """Launch a guest, prepare it, and make an image of it."""
        delete_guest(_NAME)
        if get(f"images/aliases/{_NAME}") is not None:
            lxc("image", "delete", _NAME)
        config = [word for item in _paths.INSTANCE_CONFIG.items() for word in ("--config", "=".join(item))]
        lxc("launch", _paths.GUEST_IMAGE, _NAME, *config)
        try:
            wait_until(f"{_NAME} has no address", 60, self._has_address)
            self._inside(_INSTALL, log)
            index = json.loads((Images().directory / "index.json").read_text())
            for entry in index.values():
                log.write(f"loading {entry['archive']}")
                archive = Images().directory / entry["archive"]
                lxc("file", "push", str(archive), f"{_NAME}/tmp/{archive.name}")
                self._inside(f"set -e; zstd -dc /tmp/{archive.name} | docker load; rm /tmp/{archive.name}", log)
            self._inside(_FORGET, log)
            lxc("stop", "--force", _NAME)
            properties = (f"lab.recipe={self.hash}", "description=Debian 13 with Docker (made by tests/lab)")
            lxc("publish", _NAME, "--alias", _NAME, "--compression", "none", *properties)
            lxc("image", "export", _NAME, str(target / "image"))
            lxc("image", "delete", _NAME)
        finally:
            delete_guest(_NAME)

    @staticmethod
    def _has_address() -> bool:
        network = (get(f"instances/{_NAME}/state") or {}).get("network") or {}
        addresses = network.get("eth0", {}).get("addresses", [])
        return any(one["family"] == "inet" and one["scope"] == "global" for one in addresses)

    @staticmethod
    def _inside(script: str, log: Log) -> None:
        log.run([*LXC, "exec", _NAME, "--", "sh", "-c", script], env=LXC_ENVIRONMENT)
