# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker daemon of the lab's own, to build images with."""

from __future__ import annotations

import http.client
import socket

from .. import _paths
from .._daemon import Daemon
from .._part import Part
from .._process import Log


def _answers() -> bool:
    connection = http.client.HTTPConnection("docker", timeout=5)
    try:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(5)
        connection.sock.connect(str(_paths.DOCKER_SOCKET))
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Dockerd(Part):
    """dockerd with its own data, socket and pid file; no bridge and no firewall rules, so there is nothing to undo."""

    name = "dockerd"
    needs = ("packages",)
    takes = "5 s"

    def is_up(self) -> bool:
        """Tell whether the daemon answers on its socket."""
        return _answers()

    def build(self, log: Log) -> None:
        """Start it."""
        _paths.RUN.mkdir(mode=0o755, exist_ok=True)
        command = [
            "dockerd",
            f"--data-root={_paths.CACHE / 'dockerd'}",
            f"--exec-root={_paths.RUN / 'docker'}",
            f"--pidfile={_paths.RUN / 'dockerd.pid'}",
            f"--host=unix://{_paths.DOCKER_SOCKET}",
            *("--bridge=none", "--iptables=false", "--ip-forward=false"),
        ]
        Daemon("dockerd").start(command, _answers, log)

    def down(self, log: Log) -> None:
        """End it; its containerd ends with it."""
        Daemon("dockerd").stop()

    def detail(self) -> str:
        """Return the socket."""
        return f"unix://{_paths.DOCKER_SOCKET}"
