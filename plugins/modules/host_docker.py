#!/usr/bin/python
# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell the Docker daemon what the stack needs."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_docker
short_description: Tell the Docker daemon what the stack needs
version_added: 0.1.0
author:
  - Torrust deployer contributors (@torrust)
description:
  - Adds C(live-restore), and below Docker 27 C(ip6tables) and C(experimental), to C(/etc/docker/daemon.json).
    Other keys stay as they are.
  - The new file is checked by C(dockerd --validate) before it counts.
  - The daemon is restarted only where a reload is not enough, and with C(live-restore) in force, so that
    running containers go on.
options: {}
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Shows the file before and after.
    support: full
"""

EXAMPLES = r"""
- name: Keep containers through daemon restarts, and guard their IPv6 ports
  torrust.deployer.host_docker:
"""

RETURN = r"""
restarted:
  description: Whether the daemon was restarted.
  returned: always
  type: bool
notes:
  description: What could not be had, because the host's owner decided otherwise.
  returned: always
  type: list
  elements: str
"""

import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.torrust.deployer.plugins.module_utils import _host_docker, _host_firewall
from ansible_collections.torrust.deployer.plugins.module_utils._host_facts import command_line
from ansible_collections.torrust.deployer.plugins.module_utils._host_system import (
    HostError,
    docker_get,
    last_lines,
    read_text,
    write_text,
)

_STARTS_WITHIN = 60.0
_ASK_AGAIN = 0.2


class Daemon:
    """The Docker daemon of this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self.restarted = False
        self.notes: tuple[str, ...] = ()
        self.diff: dict[str, str] = {}

    def converge(self) -> bool:
        """Write the file and have the daemon follow it. True if something had to change."""
        text = read_text(_host_docker.DAEMON_FILE)
        config = _host_docker.parse_daemon(text)
        info = self._info()
        swarm = (info.get("Swarm") or {}).get("LocalNodeState") == "active"
        has_ipv6 = os.path.exists("/proc/net/if_inet6")
        wanted = _host_docker.merge_daemon(
            config, info.get("ServerVersion"), command_line("dockerd") or [], swarm, has_ipv6
        )
        self.notes = wanted.notes
        write = wanted.config != config
        reload = not wanted.notes and not info.get("LiveRestoreEnabled")
        restart = has_ipv6 and not self._is_hooked()
        if self._module.check_mode:
            self.restarted = restart
        if write:
            rendered = _host_docker.render_daemon(wanted.config)
            self.diff = {"before": text or "", "after": rendered}
            if not self._module.check_mode:
                write_text(_host_docker.DAEMON_FILE, rendered, check=self._validate)
        if not self._module.check_mode:
            self._follow(reload, restart, info, bool(wanted.notes))
        return write or reload or restart

    def _follow(self, reload: bool, restart: bool, info: dict[str, Any], stops_containers: bool) -> None:
        if reload:
            self._systemctl("reload")
            self._await("its containers survive a restart", lambda: bool(self._info().get("LiveRestoreEnabled")))
        if not restart:
            return
        if stops_containers and info.get("ContainersRunning"):
            raise HostError(
                "docker-restart-needed",
                f"Docker must be restarted for IPv6, which would stop {info['ContainersRunning']} running containers: "
                f"{self.notes[0]}.",
                "restart docker on the host at a good time (systemctl restart docker), then run this again",
            )
        self._systemctl("restart")
        self.restarted = True
        self._await("it has put its IPv6 rules in place", lambda: bool(self._info()) and self._is_hooked())

    def _info(self) -> dict[str, Any]:
        return docker_get("/info") or {}

    def _is_hooked(self) -> bool:
        code, out, _err = self._module.run_command([_host_firewall.save_command("ipv6"), "-t", "filter"])
        return code == 0 and f"-A FORWARD -j {_host_firewall.PARENT}" in out.splitlines()

    def _validate(self, path: str) -> None:
        code, out, err = self._module.run_command(["dockerd", "--validate", f"--config-file={path}"])
        if code != 0:
            raise HostError(
                "daemon-config-refused",
                f"Docker refuses {_host_docker.DAEMON_FILE} with our settings added, so it was left as it is.",
                f"mend {_host_docker.DAEMON_FILE} on the host, then run this again",
                last_lines(err or out),
            )

    def _systemctl(self, verb: str) -> None:
        code, out, err = self._module.run_command(["systemctl", verb, "docker.service"])
        if code != 0:
            raise self._failed(verb, err or out)

    def _await(self, what: str, is_so: Any) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN
        while not is_so():
            if time.monotonic() > deadline:
                raise self._failed("follow", f"waited {_STARTS_WITHIN:.0f} s until {what}")
            time.sleep(_ASK_AGAIN)

    def _failed(self, verb: str, cause: str) -> HostError:
        _code, journal, _err = self._module.run_command(
            ["journalctl", "--unit=docker.service", "--no-pager", "--output=cat", "--lines=10"]
        )
        return HostError(
            "docker-daemon",
            f"The Docker daemon did not {verb} with {_host_docker.DAEMON_FILE}.",
            "on the host: systemctl status docker; journalctl -u docker",
            last_lines(f"{cause}\n{journal}"),
        )


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.run_command_environ_update = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"}
    daemon = Daemon(module)
    try:
        changed = daemon.converge()
    except HostError as error:
        module.fail_json(**error.result())
    module.exit_json(changed=changed, restarted=daemon.restarted, notes=list(daemon.notes), diff=daemon.diff)


if __name__ == "__main__":
    main()
