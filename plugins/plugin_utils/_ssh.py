# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reaching a machine over SSH with the system's own ``ssh``: one look at a time, each with a reason when it fails.

A look is a ``Seen``: what was found and whether waiting can help. Whoever waits (the action ``wait_for_ssh``) decides
how long. Host keys are those of one ``known_hosts`` per environment; nothing else is believed.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

# The known_hosts of an address that may take the place of another one, beside OpenTofu's files.
CANDIDATE = "known_hosts.candidate"

_BANNER_SECONDS = 5.0
_KEY_TYPES = (("ed25519",), ("ecdsa", "rsa"))
_LAST_LINES = 6


class Reason(Enum):
    """Why a machine could not be reached; the value is the error's code."""

    OK = "ok"
    NAME = "name-not-resolved"
    NO_ROUTE = "no-route"
    REFUSED = "connection-refused"
    TIMEOUT = "connection-timeout"
    NO_BANNER = "no-ssh-banner"
    HOST_KEY_CHANGED = "host-key-changed"
    KEY_REJECTED = "key-rejected"
    KEY_UNUSABLE = "key-unusable"
    DROPPED = "connection-dropped"


@dataclass(frozen=True)
class Seen:
    """What one look found: the reason (``OK`` for success) and the tool's own words."""

    reason: Reason
    cause: str = ""

    @property
    def ok(self) -> bool:
        """Whether the look succeeded."""
        return self.reason is Reason.OK


@dataclass(frozen=True)
class Target:
    """A machine to log in to. ``host``: a name or an IP literal without brackets; ``port``: 1 to 65535."""

    host: str
    port: int
    user: str
    key_path: str
    known_hosts: Path

    @property
    def known_as(self) -> str:
        """The name of its lines in ``known_hosts``."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"

    def text(self) -> str:
        """For messages: ``torrust@[fd00::1]:22``."""
        return f"{self.user}@{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


# -- the network ----------------------------------------------------------------------------------------------------


def look_at_port(host: str, port: int, timeout: float) -> Seen:
    """Resolve, connect, read the server's banner; every address of a name is tried. ``timeout``: seconds for each."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        return Seen(Reason.NAME, f"{host}: {getattr(error, 'strerror', None) or error}")
    seen = Seen(Reason.NAME, f"{host} has no address")
    for family, kind, protocol, _name, address in found:
        seen = _look_at_address(socket.socket(family, kind, protocol), address, timeout)
        if seen.ok:
            break
    return seen


def _look_at_address(connection: socket.socket, address: tuple[object, ...], timeout: float) -> Seen:
    place = f"{address[0]} port {address[1]}"
    with contextlib.closing(connection):
        connection.settimeout(timeout)
        try:
            connection.connect(address)
        except TimeoutError:
            return Seen(Reason.TIMEOUT, f"{place}: no answer in {timeout:.0f} s")
        except OSError as error:
            return Seen(_reason_of(error), f"{place}: {error.strerror or error}")
        connection.settimeout(_BANNER_SECONDS)
        try:
            greeting = connection.recv(255)
        except OSError as error:
            return Seen(Reason.NO_BANNER, f"{place}: connected, but: {error.strerror or error}")
    if greeting.startswith(b"SSH-"):
        return Seen(Reason.OK)
    words = greeting.decode("ascii", "replace").strip()
    return Seen(Reason.NO_BANNER, f"{place}: connected, but it {f'said {words[:80]!r}' if words else 'hung up'}")


def _reason_of(error: OSError) -> Reason:
    if error.errno == errno.ECONNREFUSED:
        return Reason.REFUSED
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return Reason.NO_ROUTE
    return Reason.TIMEOUT if error.errno == errno.ETIMEDOUT else Reason.DROPPED


# -- host keys ------------------------------------------------------------------------------------------------------


def scan_host_keys(target: Target, timeout: float) -> tuple[str, ...]:
    """The keys that the server shows now, as ``type base64``; empty where it shows none.

    The modern type first and, where it is there, alone: each further one is a connection more.
    """
    for kinds in _KEY_TYPES:
        command = [_tool("ssh-keyscan"), "-T", str(max(1, round(timeout))), "-p", str(target.port)]
        done = _run([*command, "-t", ",".join(kinds), "--", target.host], timeout * 2 + 5)
        keys = [line.split(None, 1)[1] for line in done.stdout.splitlines() if line and not line.startswith("#")]
        if keys:
            return tuple(sorted(set(keys)))
    return ()


def pinned_host_keys(target: Target) -> tuple[str, ...]:
    """The keys that the environment's ``known_hosts`` holds for the target, as ``type base64``."""
    try:
        lines = target.known_hosts.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    fields = (line.split() for line in lines if not line.startswith("#"))
    return tuple(sorted(" ".join(f[1:3]) for f in fields if len(f) >= 3 and target.known_as in f[0].split(",")))


def known_hosts_content(target: Target, keys: Sequence[str]) -> bytes:
    """The environment's ``known_hosts``: there is one machine, so it is written whole."""
    return "".join(f"{target.known_as} {key}\n" for key in keys).encode()


def fingerprint(key: str) -> str:
    """``SHA256:...`` of a ``type base64`` key, as ssh and the consoles of providers print it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def same_machine(pinned: Sequence[str], shown: Sequence[str]) -> bool:
    """Whether the shown keys are of the pinned machine: one in common, and none of a pinned type that differs."""
    by_type = {key.split()[0]: key for key in pinned}
    common = set(pinned) & set(shown)
    return bool(common) and all(by_type.get(key.split()[0], key) == key for key in shown)


# -- our key --------------------------------------------------------------------------------------------------------


def look_at_key(path: str) -> Seen:
    """Whether ssh can use this private key without asking anybody."""
    place = Path(path)
    try:
        mode = place.stat()
        content = place.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return Seen(Reason.KEY_UNUSABLE, f"{path}: there is no such file")
    except OSError as error:
        return Seen(Reason.KEY_UNUSABLE, f"{path}: {error.strerror or error}")
    if mode.st_uid == os.getuid() and stat.S_IMODE(mode.st_mode) & 0o077:
        opened = stat.S_IMODE(mode.st_mode)
        return Seen(Reason.KEY_UNUSABLE, f"{path}: others may read it (mode {opened:04o}): chmod 600")
    if "PRIVATE KEY" not in content:
        return Seen(Reason.KEY_UNUSABLE, f"{path}: this is no private key")
    if _has_passphrase(content) and not _agent_holds(path):
        return Seen(
            Reason.KEY_UNUSABLE,
            f"{path}: it has a passphrase, and no ssh-agent of this session holds it: ssh-add {path}",
        )
    return Seen(Reason.OK)


def _has_passphrase(content: str) -> bool:
    """A PEM key says so in its header; an OpenSSH key names its cipher in the first field of its body."""
    if "ENCRYPTED" in content:
        return True
    if "BEGIN OPENSSH PRIVATE KEY" not in content:
        return False
    body = "".join(line for line in content.splitlines() if line and not line.startswith("-----"))
    try:
        head = base64.b64decode(body[:64])
    except ValueError:
        return False
    magic = b"openssh-key-v1\0"
    length = int.from_bytes(head[len(magic) : len(magic) + 4], "big")
    return head.startswith(magic) and head[len(magic) + 4 : len(magic) + 4 + length] != b"none"


def _agent_holds(path: str) -> bool:
    if not os.environ.get("SSH_AUTH_SOCK"):
        return False
    # The public part stands unencrypted in an OpenSSH key, or beside it.
    mine = _run([_tool("ssh-keygen"), "-lf", path], 10).stdout.split()
    held = _run([_tool("ssh-add"), "-l"], 10).stdout.split()
    return len(mine) > 1 and mine[1] in held


# -- logging in -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Session:
    """A command run on the machine: ``seen.ok`` when it ran, whatever its ``code``; ``output`` is its stdout."""

    seen: Seen
    code: int = 0
    output: str = ""


def run_script(target: Target, script: str, *, connect_timeout: float, timeout: float) -> Session:
    """Log in with the key and run a POSIX shell script. ``timeout``: seconds for all of it."""
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(max(1, round(connect_timeout))),
        "ConnectionAttempts": "1",
        "ServerAliveInterval": "15",
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "GlobalKnownHostsFile": "/dev/null",
        "UserKnownHostsFile": option_path(target.known_hosts),
        "UpdateHostKeys": "no",
        "ControlPath": "none",
        "LogLevel": "ERROR",
    }
    command = [_tool("ssh"), "-T"]
    for key, value in options.items():
        command += ["-o", f"{key}={value}"]
    command += ["-i", target.key_path, "-p", str(target.port), "-l", target.user, "--", target.host, "sh -s"]
    try:
        done = _run(command, timeout, script)
    except subprocess.TimeoutExpired:
        return Session(Seen(Reason.TIMEOUT, f"{target.text()}: the session did not end in {timeout:.0f} s"))
    if done.returncode == 255:
        return Session(classify(done.stderr))
    return Session(Seen(Reason.OK), done.returncode, done.stdout)


def option_path(path: Path) -> str:
    """A path as the value of an ssh option, which splits at blanks and expands ``%``."""
    return '"' + str(path).replace("%", "%%") + '"'


# In this order: a login that fails for its key says so after what else it has to say.
_WORDS = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", Reason.HOST_KEY_CHANGED),
    ("Host key verification failed", Reason.HOST_KEY_CHANGED),
    ("bad permissions", Reason.KEY_UNUSABLE),
    ("Load key", Reason.KEY_UNUSABLE),
    ("incorrect passphrase", Reason.KEY_UNUSABLE),
    ("Permission denied", Reason.KEY_REJECTED),
    ("Too many authentication failures", Reason.KEY_REJECTED),
    ("Could not resolve hostname", Reason.NAME),
    ("Connection refused", Reason.REFUSED),
    ("No route to host", Reason.NO_ROUTE),
    ("Network is unreachable", Reason.NO_ROUTE),
    ("timed out", Reason.TIMEOUT),
)


def classify(stderr: str) -> Seen:
    """What ssh's own words (exit code 255) mean; anything unknown is a connection that was dropped."""
    cause = "\n".join(stderr.strip().splitlines()[-_LAST_LINES:])
    for words, reason in _WORDS:
        if words in stderr:
            return Seen(reason, cause)
    return Seen(Reason.DROPPED, cause or "ssh gave no reason")


def _run(command: Sequence[str], timeout: float, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=text, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
    )


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise DeployerError(
            "ssh-client-missing",
            f"The program {name} is not on this machine.",
            next_step="install the OpenSSH client (Debian, Ubuntu: apt install openssh-client), then try again",
            exit_code=ExitCode.USAGE,
        )
    return path
