# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Env files for tests."""

from __future__ import annotations

import copy
from typing import Any

_BASE: dict[str, Any] = {
    "environment": {"name": "demo"},
    "ssh_credentials": {"private_key_path": "/keys/id", "public_key_path": "/keys/id.pub"},
    "provider": {"provider": "lxd", "profile_name": "torrust-profile-demo"},
    "tracker": {
        "core": {"database": {"driver": "sqlite3", "database_name": "tracker.db"}, "private": False},
        "udp_trackers": [{"bind_address": "0.0.0.0:6969"}],
        "http_trackers": [{"bind_address": "0.0.0.0:7070"}],
        "http_api": {"bind_address": "127.0.0.1:1212"},
        "health_check_api": {"bind_address": "127.0.0.1:1313"},
    },
}

REMOVED = object()


def env_file(**changes: Any) -> dict[str, Any]:
    """The data of a valid env file with ``changes``: paths with ``__`` between keys, ``REMOVED`` takes a key away."""
    data = copy.deepcopy(_BASE)
    for path, value in changes.items():
        put(data, path.split("__"), value)
    return data


def put(data: Any, path: list[str], value: Any) -> None:
    """Set one place; a number is an index, also the one after the last; missing mappings are made."""
    for part in path[:-1]:
        data = data[int(part)] if isinstance(data, list) else data.setdefault(part, {})
    last = path[-1]
    if isinstance(data, list):
        data[int(last) : int(last) + 1] = [value]
    elif value is REMOVED:
        data.pop(last, None)
    else:
        data[last] = value
