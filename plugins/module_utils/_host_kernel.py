# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel modules and settings: the files that keep them over a reboot, and what holds now. Runs on hosts."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ansible_collections.torrust.deployer.plugins.module_utils._host_system import in_container, read_text

MODULES_FILE = "/etc/modules-load.d/torrust.conf"
SETTINGS_FILE = "/etc/sysctl.d/60-torrust.conf"

_HEADER = "# Written by torrust.deployer; changes are overwritten. Env key: host.kernel_tuning\n"


class State(NamedTuple):
    """A kernel module or setting: ``holds``, ``differs`` or ``not settable here`` (then ``why``)."""

    name: str
    state: str
    why: str = ""


def files(modules: Iterable[str], settings: Iterable[Mapping[str, str]]) -> dict[str, str | None]:
    """The files that systemd reads at boot; ``None`` for one that has nothing to say.

    The modules come first there, else their settings would not exist yet.
    """
    loaded = "".join(f"{module}\n" for module in modules)
    applied = "".join(f"# {setting['why']}\n{setting['key']} = {setting['value']}\n" for setting in settings)
    return {
        MODULES_FILE: _HEADER + loaded if loaded else None,
        SETTINGS_FILE: _HEADER + applied if applied else None,
    }


def path_of(key: str) -> str:
    """The file under /proc that is the setting."""
    # As sysctl has it: a dot in an interface's name is written as a slash.
    return "/proc/sys/" + key.translate({ord("."): "/", ord("/"): "."})


def with_routers(settings: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """The settings, and one for each interface whose IPv6 router the kernel learns by itself.

    Docker makes the host forward IPv6, and a kernel that forwards forgets the routers that were announced to it, unless
    told to listen all the same. Where 0 stands, something else listens for the kernel.
    """
    own = []
    for interface in _outer_interfaces():
        key = f"net.ipv6.conf.{interface.replace('.', '/')}.accept_ra"
        if (read_text(path_of(key)) or "").strip() in ("1", "2"):
            own.append({"key": key, "value": "2", "why": "Docker forwards IPv6; the way out must stay known"})
    return [*settings, *own]


def _outer_interfaces() -> list[str]:
    """The interfaces of the default routes. That of IPv4 too: the IPv6 route may be lost already."""
    ipv4 = [line.split() for line in (read_text("/proc/net/route") or "").splitlines()[1:]]
    ipv6 = [line.split() for line in (read_text("/proc/net/ipv6_route") or "").splitlines()]
    found = {fields[0] for fields in ipv4 if fields[1] == "00000000" and fields[7] == "00000000"}
    found |= {fields[9] for fields in ipv6 if int(fields[0], 16) == 0 and fields[1] == "00"}
    return sorted(found - {"lo"})


def module_state(name: str) -> State:
    """Whether the kernel has the module. A container guest cannot load one."""
    if os.path.isdir(f"/sys/module/{name}"):
        return State(name, "holds")
    if in_container():
        return State(name, "not settable here", "a container cannot load kernel modules")
    return State(name, "differs")


def setting_state(key: str, value: str) -> State:
    """Whether the kernel uses the value, and if not, whether this machine could make it so."""
    path = path_of(key)
    current = read_text(path)
    if current is not None and current.split() == value.split():
        return State(key, "holds")
    if current is None and not in_container():
        return State(key, "differs", "its module is not loaded")
    why = refusal(path)
    return State(key, "not settable here", why) if why else State(key, "differs")


def refusal(path: str) -> str:
    """Why the kernel would refuse to have the setting written; empty if it would not. Writes nothing."""
    try:
        os.close(os.open(path, os.O_WRONLY))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return "this kernel does not offer it here"
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return "read-only here, as in a container"
        raise
    return ""


def states(modules: Iterable[str], settings: Iterable[Mapping[str, str]]) -> list[State]:
    """All of them, modules first."""
    return [
        *(module_state(name) for name in modules),
        *(setting_state(setting["key"], setting["value"]) for setting in settings),
    ]
