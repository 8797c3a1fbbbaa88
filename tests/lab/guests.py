# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests for tests: copies of a prepared one, or fresh ones, all named ``torrust-lab-*``.

``prepare()`` once, then ``launch("torrust-lab-x", public_key, "torrust")`` gives a running guest with SSH in some
seconds; ``delete`` removes it. The address is the guest's own on the lab's bridge, reachable from this machine.
"""

from __future__ import annotations

import functools
import json
import socket
from dataclasses import dataclass

from . import _paths
from ._daemon import wait_until
from ._driver import closure, up
from ._lxd import delete_guest, get, lxc
from ._process import LabError
from .parts import ALL

_ADDRESS_SECONDS = 60
_SSH_SECONDS = 90


@dataclass(frozen=True)
class Guest:
    """A running guest: its name in LXD and its two global addresses."""

    name: str
    ipv4: str
    ipv6: str


def _checked(name: str) -> str:
    if not name.startswith(_paths.GUEST_PREFIX):
        raise LabError(f"a guest of the lab must be named {_paths.GUEST_PREFIX}*, not {name!r}")
    return name


def prepare() -> str:
    """Make sure that the prepared image is there (Docker installed, images loaded); return its alias.

    :raises LabError: when it cannot be made.
    """
    up(closure(ALL, ["prepared-image"]), lambda line: None)
    return _paths.PREPARED_IMAGE


def copy(name: str, *, prepared: bool = True, user_data: str = "") -> None:
    """Make a guest that does not run yet: of the prepared image, or of the bare one.

    ``user_data`` is what cloud-init reads at the first start.

    :raises LabError: with LXD's message.
    """
    image = _paths.PREPARED_IMAGE if prepared else _paths.GUEST_IMAGE
    config = {**_paths.INSTANCE_CONFIG, **({"user.user-data": user_data} if user_data else {})}
    lxc("init", image, _checked(name), *(word for item in config.items() for word in ("--config", "=".join(item))))


def start(name: str) -> Guest:
    """Start a guest and wait for both addresses.

    :raises LabError: when it does not start or gets none.
    """
    if (get(f"instances/{_checked(name)}/state") or {}).get("status") != "Running":
        lxc("start", name)
    wait_until(f"{name} has no IPv4 and IPv6 address", _ADDRESS_SECONDS, lambda: None not in _addresses(name))
    return address(name)


def launch(name: str, ssh_pubkey: str, user: str, *, prepared: bool = True) -> Guest:
    """Make and start a guest with a user who may use sudo and log in with the key; wait until SSH takes connections.

    :raises LabError: with LXD's message, or when a wait ends without success.
    """
    account = {
        "name": user,
        "groups": ["sudo"],
        "shell": "/bin/bash",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "ssh_authorized_keys": [ssh_pubkey.strip()],
    }
    # JSON is YAML, and quotes whatever a key's comment may hold.
    copy(name, prepared=prepared, user_data="#cloud-config\n" + json.dumps({"users": [account]}) + "\n")
    guest = start(name)
    # Host keys and the account come from cloud-init; SSH alone answers earlier and would refuse.
    wait_until(f"{name}: cloud-init has not ended", _SSH_SECONDS, lambda: _cloud_init_ended(name))
    # Both: an IPv6 address is announced a second or two before the guest may use it.
    for one in (guest.ipv4, guest.ipv6):
        wait_until(f"{name}: SSH does not answer at {one}", _SSH_SECONDS, functools.partial(_accepts, one, 22))
    return guest


def execute(name: str, script: str) -> str:
    """Run a shell script as root in a guest and return its output.

    :raises LabError: when it ends with another code than 0.
    """
    return lxc("exec", _checked(name), "--", "sh", "-c", script)


def address(name: str) -> Guest:
    """Return the guest with its addresses.

    :raises LabError: when it has none (it does not run, or not long enough).
    """
    ipv4, ipv6 = _addresses(name)
    if ipv4 is None or ipv6 is None:
        raise LabError(f"{name} has no address: is it running?")
    return Guest(name, ipv4, ipv6)


def delete(name: str) -> None:
    """Delete a guest, running or not; one that is not there is fine."""
    delete_guest(name)


def _addresses(name: str) -> tuple[str | None, str | None]:
    state = get(f"instances/{name}/state") or {}
    # eth0 only: Docker's bridges in the guest have global addresses too.
    found = ((state.get("network") or {}).get("eth0") or {}).get("addresses", [])
    by_family = {one["family"]: one["address"] for one in found if one["scope"] == "global"}
    return by_family.get("inet"), by_family.get("inet6")


def _cloud_init_ended(name: str) -> bool:
    try:
        execute(name, "test -e /run/cloud-init/result.json")
    except LabError:
        return False
    return True


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
