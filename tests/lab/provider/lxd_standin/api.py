# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few calls to LXD's REST interface that the stand-in needs, over its unix socket, with LXD's own error texts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

Document = dict[str, Any]

_SOCKETS = ("/var/snap/lxd/common/lxd/unix.socket", "/var/lib/lxd/unix.socket")


class LxdError(Exception):
    """LXD refused or did not answer. The message is LXD's."""


def socket_of(address: str) -> str:
    """Return the socket path for a remote's address (``unix://`` or ``unix:///path``).

    :raises LxdError: when the address is not a unix one, or no socket is there.
    """
    if not address.startswith("unix:"):
        raise LxdError(f"the stand-in provider reaches LXD over a unix socket only; address is {address!r}")
    path = address.removeprefix("unix:").removeprefix("//")
    found = path or next((one for one in _SOCKETS if Path(one).exists()), _SOCKETS[-1])
    if not Path(found).exists():
        raise LxdError(f"no LXD socket at {found}: is the daemon running?")
    return found


class Lxd:
    """A connection to one LXD daemon."""

    def __init__(self, socket: str) -> None:
        # Imported here: OpenTofu starts the provider several times per command only to ask for its schema.
        import pylxd

        self._client = pylxd.Client(endpoint="http+unix://" + quote(socket, safe=""))

    def _call(self, method: str, path: str, body: Document | None = None) -> Document:
        """Do one request, wait for the operation it started, if any, and return the answer's metadata.

        :raises LxdError: with LXD's text.
        """
        from pylxd.exceptions import LXDAPIException

        node = self._client.api
        for part in path.split("/"):
            node = node[part]
        try:
            arguments = {} if body is None else {"json": body}
            answer = getattr(node, method)(**arguments).json()
            if answer.get("type") == "async":
                self._client.operations.wait_for_operation(answer["operation"])
        except LXDAPIException as error:
            raise LxdError(str(error)) from error
        except OSError as error:
            raise LxdError(f"LXD does not answer: {error}") from error
        return dict(answer.get("metadata") or {})

    def find(self, path: str) -> Document | None:
        """Return the document at ``path``, or None when LXD has no such thing."""
        try:
            return self._call("get", path)
        except LxdError as error:
            if "not found" in str(error).lower():
                return None
            raise

    def post(self, path: str, body: Document) -> None:
        """Create what ``body`` describes."""
        self._call("post", path, body)

    def put(self, path: str, body: Document) -> None:
        """Replace the document at ``path``."""
        self._call("put", path, body)

    def delete(self, path: str) -> None:
        """Delete what is at ``path``; what is not there is fine."""
        if self.find(path) is not None:
            self._call("delete", path)

    def set_running(self, name: str, running: bool) -> None:
        """Start or stop an instance; nothing to do when it is so already."""
        state = self.find(f"instances/{name}/state") or {}
        if (state.get("status") in ("Running", "Ready")) != running:
            # A stop is forced: it serves a delete, or a `running = false` that must not hang on a guest's shutdown.
            action = "start" if running else "stop"
            self.put(f"instances/{name}/state", {"action": action, "timeout": 60, "force": not running})

    def wait(self, what: str, seconds: float, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds.

        :raises LxdError: when it does not within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise LxdError(f"{what}: not within {seconds:.0f} s")
            time.sleep(0.2)
