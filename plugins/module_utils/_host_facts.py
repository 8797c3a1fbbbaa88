# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything the host role wants to know of a machine, looked at once; changes nothing. Python >= 3.9."""

from __future__ import annotations

import os
import platform
import shutil
import struct
from collections.abc import Iterator, Mapping
from fcntl import F_GETLK, F_WRLCK, fcntl
from typing import Any, NamedTuple

from ansible_collections.torrust.deployer.plugins.module_utils import (
    _host_docker,
    _host_firewall,
    _host_kernel,
    _host_sockets,
    _host_ufw,
)
from ansible_collections.torrust.deployer.plugins.module_utils._host_system import (
    HostError,
    Run,
    docker_get,
    packages,
    read_text,
    units,
)

SUPPORTED = {("debian", "12"), ("debian", "13"), ("ubuntu", "22.04"), ("ubuntu", "24.04")}
UPDATES_FILE = "/etc/apt/apt.conf.d/52torrust-updates"
UPDATES_TEXT = """\
// Written by torrust.deployer; changes are overwritten. Env key: host.automatic_updates
// What is installed (security updates) and whether the machine restarts is said in 50unattended-upgrades.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
"""

_MIB = 1024 * 1024
# Below the first nothing can be installed or loaded; below the second it works, but not for long.
_DISK_LIMITS = {"data": (100 * _MIB, 1024 * _MIB), "docker": (500 * _MIB, 3072 * _MIB)}

_UNITS = ["docker.service", _host_firewall.UNIT, "firewalld.service", "apt-daily-upgrade.timer"]


class Problem(NamedTuple):
    """What stands in the way (``error``) or should be known (``warning``)."""

    code: str
    message: str
    fix: str
    severity: str = "error"


class Part(NamedTuple):
    """One thing that configure sees to: whether it is as the Plan wants it, and a line on it for a person."""

    name: str
    as_wanted: bool
    detail: str


class Observation(NamedTuple):
    """What was seen. ``needs`` says which steps have something to do."""

    facts: dict[str, Any]
    parts: list[Part]
    needs: dict[str, Any]
    problems: list[Problem]

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "facts": self.facts,
            "parts": [part._asdict() for part in self.parts],
            "needs": self.needs,
            "problems": [problem._asdict() for problem in self.problems],
        }


class Observer:
    """Looks at the machine on which it runs, as the Plan asks. ``run`` raises for no missing command."""

    def __init__(self, run: Run, plan: Mapping[str, Any]) -> None:
        self._run = run
        self._plan = plan
        self._host: Mapping[str, Any] = plan["host"]
        self._parts: list[Part] = []
        self._problems: list[Problem] = []
        self._needs: dict[str, Any] = {"packages": [], "docker_repository": False, "ufw_rules": [], "ufw_enable": False}

    def observe(self) -> Observation:
        """Look at everything."""
        self._installed = packages(
            self._run, [*_host_docker.PACKAGES, "ufw", "iptables", "unattended-upgrades", "python3-debian"]
        )
        self._units = units(self._run, _UNITS)
        self._info: Mapping[str, Any] = docker_get("/info") or {}
        self._saved = {family: self._save(family) for family in _host_firewall.FAMILIES}
        self._has_ipv6 = os.path.exists("/proc/net/if_inet6")
        facts = {**self._system(), "docker": self._docker(), "disk": self._disk()}
        self._daemon()
        self._updates()
        facts["ssh_port"] = self._ufw()
        self._firewall()
        facts["not_settable"] = self._kernel()
        facts["apt_lock"] = _apt_lock_holder()
        self._listening()
        return Observation(facts, self._parts, self._needs, self._problems)

    def _part(self, name: str, as_wanted: bool, detail: str) -> None:
        self._parts.append(Part(name, as_wanted, detail))

    def _refuse(self, error: HostError) -> None:
        message = f"{error.message} ({error.cause})" if error.cause else error.message
        self._problems.append(Problem(error.code, message, error.next_step))

    def _save(self, family: str) -> str:
        code, out, _err = self._run([_host_firewall.save_command(family), "-t", "filter"])
        return out if code == 0 else ""

    # -- the machine ------------------------------------------------------------------------------------------------

    def _system(self) -> dict[str, Any]:
        release = os_release(read_text("/etc/os-release") or "")
        distribution, number = release.get("ID", ""), release.get("VERSION_ID", "")
        if (distribution, number) not in SUPPORTED:
            self._problems.append(
                Problem(
                    "unsupported-distribution",
                    f"The host runs {release.get('PRETTY_NAME', 'an unknown distribution')}.",
                    "use Debian 12 or 13, or Ubuntu 22.04 or 24.04",
                )
            )
        _code, out, _err = self._run(["dpkg", "--print-architecture"])
        architecture = out.strip() or platform.machine()
        for service in self._plan["services"]:
            if architecture not in service["architectures"]:
                self._problems.append(
                    Problem(
                        "unsupported-architecture",
                        f"The host is {architecture}; the image {service['image']} exists for "
                        f"{', '.join(service['architectures'])}.",
                        "use a host of that architecture",
                    )
                )
        if os.geteuid() != 0:
            self._problems.append(
                Problem("not-root", "The host was not looked at as root.", "let the SSH user use sudo without password")
            )
        self._distribution = (distribution, number)
        return {
            "distribution": distribution,
            "release": number,
            "codename": release.get("VERSION_CODENAME", ""),
            "architecture": architecture,
            "python": platform.python_version(),
            "ipv6": self._has_ipv6,
        }

    def _disk(self) -> list[dict[str, Any]]:
        root = str(self._info.get("DockerRootDir") or "/var/lib/docker")
        rows = []
        for kind, path in (("data", self._plan["deploy_directory"]), ("docker", root)):
            at = _existing_parent(path)
            usage = shutil.disk_usage(at)
            row = {"path": path, "free_bytes": usage.free, "total_bytes": usage.total}
            rows.append(row)
            minimum, comfortable = _DISK_LIMITS[kind]
            if usage.free < comfortable:
                short = usage.free < minimum
                self._problems.append(
                    Problem(
                        "disk-full" if short else "disk-low",
                        f"{path} has {usage.free // _MIB} MiB free.",
                        f"free some space there: {minimum // _MIB} MiB are needed, {comfortable // _MIB} MiB advised",
                        "error" if short else "warning",
                    )
                )
        return rows

    def _listening(self) -> None:
        publications = [row for listener in self._plan["listeners"] for row in listener["publications"]]
        found = [
            socket
            for path, protocol in _host_sockets.TABLES.items()
            for socket in _host_sockets.parse(read_text(path) or "", protocol)
        ]
        for _publication, socket in _host_sockets.clashes(publications, found, self._ours()):
            who = _host_sockets.owner(socket.inode) or "another process"
            self._problems.append(
                Problem(
                    "port-taken",
                    f"Port {socket.port}/{socket.protocol} at {socket.address} is taken by {who}.",
                    "stop it, or choose another port in the env file",
                )
            )

    def _ours(self) -> Iterator[tuple[str, int]]:
        """The ports that our own containers publish now."""
        for container in docker_get("/containers/json") or [] if self._info else []:
            if (container.get("Labels") or {}).get("com.docker.compose.project") != self._plan["project"]:
                continue
            for port in container.get("Ports") or []:
                if port.get("PublicPort"):
                    yield port["Type"], port["PublicPort"]

    # -- Docker -----------------------------------------------------------------------------------------------------

    def _docker(self) -> dict[str, Any]:
        daemon = shutil.which("dockerd")
        origin = _host_docker.source(self._installed, bool(daemon))
        engine = self._info.get("ServerVersion")
        if not engine and daemon:
            engine = _short_version(self._run([daemon, "--version"])[1])
        compose = _short_version(self._run(["docker", "compose", "version", "--short"])[1]) if daemon else None
        self._engine: str | None = engine
        try:
            wanted = _host_docker.need(*self._distribution, origin, engine, compose)
        except HostError as error:
            self._refuse(error)
            wanted = _host_docker.Need((), False)
        self._needs["packages"] += wanted.packages
        self._needs["docker_repository"] = wanted.repository
        self._needs["python3_debian"] = "python3-debian" not in self._installed
        running = self._units["docker.service"].get("ActiveState") == "active"
        detail = f"Docker {engine}, compose {compose} ({origin})" if engine else "Docker is not installed"
        self._part("docker", not wanted.packages, detail)
        return {"engine": engine, "compose": compose, "source": origin, "running": running}

    def _daemon(self) -> None:
        flags = command_line("dockerd") or []
        swarm = (self._info.get("Swarm") or {}).get("LocalNodeState") == "active"
        try:
            config = _host_docker.parse_daemon(read_text(_host_docker.DAEMON_FILE))
            wanted = _host_docker.merge_daemon(config, self._engine, flags, swarm, self._has_ipv6)
        except HostError as error:
            self._refuse(error)
            self._needs["daemon"] = False
            self._part("daemon", False, error.message)
            return
        lives = self._info.get("LiveRestoreEnabled", False) or bool(wanted.notes)
        # The daemon hooks its chains into FORWARD when it starts with the family switched on.
        guarded = not self._has_ipv6 or any(
            line == f"-A FORWARD -j {_host_firewall.PARENT}" for line in self._saved["ipv6"].splitlines()
        )
        right = wanted.config == config and lives and guarded
        self._needs["daemon"] = not right
        for note in wanted.notes:
            self._problems.append(Problem("live-restore-off", note, "see roles/host/README.md", "warning"))
        self._part("daemon", right, "live-restore on, IPv6 on" if right else "daemon.json must change")

    # -- updates ----------------------------------------------------------------------------------------------------

    def _updates(self) -> None:
        text = read_text(UPDATES_FILE)
        if not self._host["automatic_updates"]:
            self._needs["updates"] = text is not None
            self._part("updates", text is None, "security updates are not ours to install")
            return
        if "unattended-upgrades" not in self._installed:
            self._needs["packages"].append("unattended-upgrades")
        self._needs["updates"] = text != UPDATES_TEXT
        self._needs["updates_content"] = UPDATES_TEXT
        right = not self._needs["updates"] and "unattended-upgrades" in self._installed
        self._part("updates", right, "security updates are installed daily" if right else "security updates are off")

    # -- firewall ---------------------------------------------------------------------------------------------------

    def _ufw(self) -> int:
        """The port that must stay reachable: that of the SSH connection we came by, or the Plan's if we cannot tell."""
        ssh_port = _connection_port() or int(self._host["ssh_port"])
        if not self._host["firewall"]:
            self._part("ufw", True, "the host's firewall is its owner's")
            return ssh_port
        if "ufw" not in self._installed:
            self._needs["packages"].append("ufw")
        if "iptables" not in self._installed and "docker.io" not in self._needs["packages"]:
            self._needs["packages"].append("iptables")
        if self._units["firewalld.service"].get("ActiveState") == "active":
            self._problems.append(
                Problem(
                    "firewalld-active",
                    "firewalld is active; two firewalls would undo one another's rules.",
                    "disable firewalld (systemctl disable --now firewalld), or set host.firewall to false",
                )
            )
        defaults = read_text(_host_ufw.DEFAULTS_FILE) or ""
        if defaults and _host_ufw.setting(defaults, "IPV6") != "yes":
            self._problems.append(
                Problem(
                    "ufw-ipv6-off",
                    f"{_host_ufw.DEFAULTS_FILE} switches IPv6 off, so ufw would drop all of it.",
                    f"set IPV6=yes in {_host_ufw.DEFAULTS_FILE}",
                )
            )
        on = _host_ufw.setting(read_text(_host_ufw.CONF_FILE) or "", "ENABLED") == "yes"
        live = "-A INPUT -j ufw-before-input" in self._saved["ipv4"].splitlines() and (
            not self._has_ipv6 or "-A INPUT -j ufw6-before-input" in self._saved["ipv6"].splitlines()
        )
        denies = _host_ufw.setting(defaults, "DEFAULT_INPUT_POLICY") in ("drop", "reject")
        enabled = on and live and denies
        self._needs["ufw_enable"] = not enabled
        self._needs["ufw_rules"] = list(self._missing_rules(ssh_port, enabled))
        right = enabled and not self._needs["ufw_rules"]
        self._part("ufw", right, f"ufw denies what is not allowed; SSH ({ssh_port}) is" if right else "ufw must change")
        return ssh_port

    def _missing_rules(self, ssh_port: int, enabled: bool) -> Iterator[dict[str, Any]]:
        wanted = {("tcp", ssh_port): "SSH"}
        for rule in self._host["firewall_rules"]:
            if rule["chain"] == "input":
                wanted.setdefault((rule["protocol"], rule["port"]), rule["purpose"])
        found = [_host_ufw.parse(read_text(path) or "") for path in _host_ufw.RULE_FILES.values()]
        for (protocol, port), purpose in wanted.items():
            verdicts = {_host_ufw.verdict(rules, protocol, port) for rules in found}
            if "refused" in verdicts and not enabled:
                self._problems.append(
                    Problem(
                        "ufw-refuses-ssh" if port == ssh_port else "ufw-refuses",
                        f"A rule of ufw refuses {port}/{protocol} ({purpose}); switching it on would lock that out.",
                        "remove that rule (ufw status numbered, ufw delete NUMBER)",
                    )
                )
            elif "unsaid" in verdicts or ("restricted" in verdicts and not enabled):
                # An owner who lets only some sources in, with ufw on, means it.
                yield {"protocol": protocol, "port": port, "purpose": purpose}

    def _firewall(self) -> None:
        rules, bridge = self._host["firewall_rules"], self._plan["network"]["bridge"]
        wanted = _host_firewall.files(rules, bridge)
        if not self._host["firewall"]:
            there = [path for path in wanted if os.path.exists(path)]
            right = not there and all(_host_firewall.is_absent(saved) for saved in self._saved.values())
            self._needs["firewall"] = not right
            self._part("firewall", right, "published ports are not filtered by us")
            return
        written = all(read_text(path) == text for path, (text, _mode) in wanted.items())
        live = all(
            _host_firewall.is_live(self._saved[family], rules, family, bridge)
            for family in _host_firewall.FAMILIES
            if family == "ipv4" or self._has_ipv6
        )
        unit = self._units[_host_firewall.UNIT]
        kept = unit.get("UnitFileState") == "enabled" and unit.get("ActiveState") == "active"
        right = written and live and kept
        self._needs["firewall"] = not right
        count = sum(1 for rule in rules if rule["chain"] == "forward")
        self._part(
            "firewall",
            right,
            f"{count} published ports let in" if right else "published ports are not let in or filtered",
        )

    # -- kernel -----------------------------------------------------------------------------------------------------

    def _kernel(self) -> list[dict[str, str]]:
        tuned = self._host["kernel_tuning"]
        modules = self._host["kernel_modules"] if tuned else []
        settings = _host_kernel.with_routers(self._host["kernel_settings"] if tuned else [])
        wanted = _host_kernel.files(modules, settings)
        states = _host_kernel.states(modules, settings)
        refused = [state for state in states if state.state == "not settable here"]
        written = all(read_text(path) == text for path, text in wanted.items())
        right = written and not any(state.state == "differs" for state in states)
        self._needs["kernel"] = not right
        detail = f"{len(states) - len(refused)} kernel settings hold" if right else "kernel settings must change"
        self._part("kernel", right, detail + (f", {len(refused)} are not settable here" if refused else ""))
        return [{"name": state.name, "why": state.why} for state in refused]


def os_release(text: str) -> dict[str, str]:
    """The fields of /etc/os-release."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key: value.strip().strip("\"'") for key, value in pairs}


def connection_port(environ: bytes) -> int | None:
    """The host's port in SSH_CONNECTION (client, its port, host, its port) of a process's environment block."""
    for entry in environ.split(b"\0"):
        if entry.startswith(b"SSH_CONNECTION="):
            words = entry.split(b"=", 1)[1].split()
            return int(words[3]) if len(words) == 4 and words[3].isdigit() else None
    return None


def _connection_port() -> int | None:
    """The port of the SSH connection that this process came by: sudo forgets it, the shell above still knows."""
    pid = os.getpid()
    while pid > 1:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                port = connection_port(file.read())
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                parent = int(stat.read().rpartition(")")[2].split()[1])
        except OSError:
            return None
        if port:
            return port
        pid = parent
    return None


def _apt_lock_holder() -> str | None:
    """The process that keeps the package manager busy, as ``name (pid N)``."""
    try:
        with open("/var/lib/dpkg/lock-frontend", "rb+") as file:
            # struct flock: type, whence, start, length, pid.
            layout = "hhqqi4x"
            answer = fcntl(file, F_GETLK, struct.pack(layout, F_WRLCK, 0, 0, 0, 0))
    except OSError:
        return None
    pid = struct.unpack(layout, answer)[4]
    if not pid:
        return None
    return f"{(read_text(f'/proc/{pid}/comm') or 'a process').strip()} (pid {pid})"


def command_line(name: str) -> list[str] | None:
    """The arguments of the first process of that name."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if (read_text(f"/proc/{pid}/comm") or "").strip() == name:
            return (read_text(f"/proc/{pid}/cmdline") or "").split("\0")
    return None


def _existing_parent(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def _short_version(text: str) -> str | None:
    found = _host_docker.version(text)
    return ".".join(str(part) for part in found) if found else None
