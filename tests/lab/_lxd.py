# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LXD's REST interface over its unix socket, as far as the lab needs it: questions that must be quick."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from . import _paths
from ._process import LabError, output

LXC = ("lxc", "--force-local")
LXC_ENVIRONMENT = {"LXD_CONF": str(_paths.CACHE / "lxc"), "LXD_DIR": str(_paths.LXD_SOCKET.parent)}


class _UnixConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        """Connect to LXD's socket in place of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(_paths.LXD_SOCKET))


def get(path: str) -> Any:
    """Return the metadata of the document at ``/1.0/<path>``; None when it is not there or LXD does not answer."""
    connection = _UnixConnection("lxd", timeout=10)
    try:
        connection.request("GET", f"/1.0/{path}".rstrip("/"))
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return None
    finally:
        connection.close()
    return answer["metadata"] if answer.get("type") == "sync" else None


def lxc(*arguments: str, stdin: str | None = None) -> str:
    """Run LXD's client, with a configuration of the lab's own, and return what it printed.

    :raises LabError: with the client's own message.
    """
    return output([*LXC, *arguments], env=LXC_ENVIRONMENT, stdin=stdin)


def image_recipe(alias: str) -> str | None:
    """Return the recipe hash that an imported image carries, or None when there is no such image."""
    found = get(f"images/aliases/{alias}")
    image = get(f"images/{found['target']}") if found else None
    return image["properties"].get("lab.recipe") if image else None


def guests() -> list[str]:
    """Return the names of the lab's guests, running or not."""
    names = [path.rpartition("/")[2] for path in get("instances") or []]
    return [name for name in names if name.startswith(_paths.GUEST_PREFIX)]


def delete_guest(name: str, *, anywhere: bool = False) -> None:
    """Delete a guest of the lab, running or not; one that is not there is fine.

    With ``anywhere``, a guest of any name: for what others put on the lab's own network.

    :raises LabError: for a name that is not the lab's.
    """
    if not anywhere and not name.startswith(_paths.GUEST_PREFIX):
        raise LabError(f"not a guest of the lab: {name!r} (its guests are named {_paths.GUEST_PREFIX}*)")
    if get(f"instances/{name}") is not None:
        lxc("delete", "--force", name)
