# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OpenTofu's part that is ours: which program, which files, what a plan would do, what a killed run left.

Planning and applying themselves go through ``cloud.terraform.terraform``.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

NEEDED = (1, 10)
STATE = "terraform.tfstate"
PLAN_FILE = "planned.tfplan"
VARIABLES = "terraform.tfvars.json"
APPLYING = "applying"

_INITIALISED = "initialised"
_LAST_LINES = 15
_SSH_PORT_FILE = "/etc/ssh/sshd_config.d/10-torrust-port.conf"
# What can be made again from the environment file alone; losing anything else loses a machine or data.
_REPLACEABLE = frozenset({"lxd_profile"})
# A configuration may name more resources than a killed run made.
_NOTHING_TO_IMPORT = re.compile("non-existent|not found|does not exist", re.IGNORECASE)


# -- the program ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    """``tofu``, else ``terraform``: absolute path and version."""

    path: str
    version: str


def find_program() -> Program:
    """The first that is new enough. Raises ``tofu-missing`` or ``tofu-too-old``."""
    old = []
    for name in ("tofu", "terraform"):
        path = shutil.which(name)
        if path is None:
            continue
        done = _run([path, "version", "-json"], Path.cwd())
        try:
            version = str(json.loads(done.stdout)["terraform_version"])
            number = tuple(int(part) for part in version.partition("-")[0].split(".")[:2])
        except (ValueError, KeyError):
            old.append(f"{path}: {_last_lines(done.stderr or done.stdout)}")
            continue
        if number >= NEEDED:
            return Program(path, version)
        old.append(f"{path} is {version}")
    raise DeployerError(
        "tofu-too-old" if old else "tofu-missing",
        "OpenTofu 1.10 or newer is needed to make a machine, and is not on this one.",
        cause="\n".join(old),
        next_step="install it (https://opentofu.org/docs/intro/install/) so that `tofu version` runs, then try again",
        exit_code=ExitCode.INFRASTRUCTURE,
    )


def _run(
    command: Sequence[str], directory: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _last_lines(text: str) -> str:
    """The end of a tool's output, without its colours and its frame."""
    plain = re.sub(r"\x1b\[[0-9;]*m|[│╷╵]", "", text)
    return "\n".join([line.strip() for line in plain.splitlines() if line.strip()][-_LAST_LINES:])


# -- the files ------------------------------------------------------------------------------------------------------


def user_data(user: str, public_key: str, port: int) -> str:
    """The machine's first instructions: one user with one key, sudo without password, no password logins.

    Deterministic, and it names no host: the provider gives the machine its name.
    """
    account: dict[str, Any] = {"name": user, "lock_passwd": True, "ssh_authorized_keys": [public_key]}
    if user != "root":
        account |= {"shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL"}
    document: dict[str, Any] = {"users": [account], "disable_root": user != "root", "ssh_pwauth": False}
    if port != 22:
        document["write_files"] = [{"path": _SSH_PORT_FILE, "content": f"Port {port}\n", "permissions": "0644"}]
        # Where systemd listens for the SSH server, only its socket knows the port.
        document["runcmd"] = [
            "systemctl daemon-reload; if systemctl -q is-active ssh.socket; "
            "then systemctl restart ssh.socket; else systemctl restart ssh; fi"
        ]
    return "#cloud-config\n" + yaml.safe_dump(document, sort_keys=False, width=4096)


def read_public_key(path: str) -> str:
    """The key line of a public key file. Raises ``public-key-unusable``."""
    try:
        line = Path(path).read_text(encoding="utf-8").strip()
        cause = "" if re.fullmatch(r"(ssh-|ecdsa-|sk-)[^ \n]+ [A-Za-z0-9+/=]+( [^\n]*)?", line) else "not a public key"
    except (OSError, UnicodeDecodeError) as error:
        line, cause = "", getattr(error, "strerror", None) or str(error)
    if not cause:
        return line
    raise DeployerError(
        "public-key-unusable",
        "The public key for the new machine cannot be used.",
        where=path,
        cause=cause,
        next_step="name one with ssh_credentials.public_key_path (make it: ssh-keygen -y -f PRIVATE_KEY > PUBLIC_KEY)",
        exit_code=ExitCode.USAGE,
    )


def files(source: Path, variables: Mapping[str, Any]) -> dict[str, bytes]:
    """What lies in the private directory, by name: the provider's configuration as it is, and its variables."""
    found = {path.name: path.read_bytes() for path in sorted(source.glob("*.tf"))}
    values = json.dumps(dict(variables), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return {**found, VARIABLES: values.encode("utf-8")}


def present_files(directory: Path) -> dict[str, bytes]:
    """What was written there the last time."""
    return {path.name: path.read_bytes() for path in (*sorted(directory.glob("*.tf")), directory / VARIABLES)}


def variables_of(instance: Mapping[str, Any], first_instructions: str) -> dict[str, Any]:
    """The values of the configuration's variables."""
    return {**instance, "user_data": first_instructions}


# -- init -----------------------------------------------------------------------------------------------------------


def initialise(program: Program, directory: Path, content: Mapping[str, bytes]) -> bool:
    """Run ``init`` unless the same one has succeeded in this directory; whether it ran."""
    identity = hashlib.sha256(f"{program.path} {program.version}".encode())
    for name in sorted(content):
        if name.endswith(".tf"):
            identity.update(content[name])
    marker = directory / ".terraform" / _INITIALISED
    if marker.is_file() and marker.read_text(encoding="ascii") == identity.hexdigest():
        return False
    done = _run([program.path, "init", "-input=false", "-no-color"], directory)
    if done.returncode != 0:
        raise DeployerError(
            "tofu-init-failed",
            "OpenTofu could not be prepared: its provider could not be had.",
            where=str(directory),
            cause=_last_lines(done.stderr or done.stdout),
            next_step="check the network, or a provider mirror (TF_CLI_CONFIG_FILE), then the same command again",
            exit_code=ExitCode.INFRASTRUCTURE,
        )
    marker.parent.mkdir(mode=0o700, exist_ok=True)
    marker.write_text(identity.hexdigest(), encoding="ascii")
    return True


# -- the state ------------------------------------------------------------------------------------------------------


def is_locked(directory: Path) -> bool:
    """Whether another process works on the state: the lock is the kernel's, and goes with its process."""
    try:
        with (directory / STATE).open("r+b") as state:
            fcntl.lockf(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except (BlockingIOError, PermissionError):
        return True
    return False


def addresses_in_state(directory: Path) -> list[str]:
    """The managed resources that the state knows, by address; none where there is no state yet."""
    try:
        text = (directory / STATE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    if not text.strip():
        return []
    try:
        resources = json.loads(text).get("resources", [])
        return [f"{one['type']}.{one['name']}" for one in resources if one["mode"] == "managed" and one["instances"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DeployerError(
            "tofu-state-corrupt",
            "OpenTofu's state cannot be read: it was damaged or edited.",
            where=str(directory / STATE),
            next_step=f"put it back from a backup ({STATE}.backup lies beside it); nothing was changed",
            exit_code=ExitCode.CONFLICT,
        ) from None


def adopt(program: Program, directory: Path, identities: Mapping[str, str]) -> list[str]:
    """Take into the state what a killed apply made without writing it down; the addresses taken.

    Only called when an apply of ours was cut off, so what has these names is what that apply made.
    """
    taken = []
    known = addresses_in_state(directory)
    for address, identity in identities.items():
        if address in known:
            continue
        done = _run(
            [program.path, "import", "-input=false", "-no-color", "-lock-timeout=300s", address, identity], directory
        )
        if done.returncode == 0:
            taken.append(address)
        elif not _NOTHING_TO_IMPORT.search(done.stderr):
            raise DeployerError(
                "tofu-adopt-failed",
                f"An earlier run was killed while it made {address}, and OpenTofu cannot look whether it is there.",
                where=str(directory),
                cause=_last_lines(done.stderr),
                next_step="mend what it says, then the same command again",
                exit_code=ExitCode.INFRASTRUCTURE,
            )
    return taken


# -- a plan ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Changes:
    """What a saved plan would do, as addresses by action; ``outputs`` are the values known before it is applied."""

    create: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    outputs: Mapping[str, Any] | None = None

    @property
    def any(self) -> bool:
        """Whether applying it changes a resource."""
        return bool(self.create or self.update or self.replace or self.delete)

    def losses(self, named: Iterable[str] = ()) -> tuple[str, ...]:
        """What would be lost: deleted or replaced, not to be had again from the environment file, and not named."""
        allowed = set(named)
        return tuple(
            address
            for address in (*self.delete, *self.replace)
            if address not in allowed and _type_of(address) not in _REPLACEABLE
        )

    def new_machine(self) -> bool:
        """Whether a machine comes into being or goes."""
        return any(_type_of(each) not in _REPLACEABLE for each in (*self.create, *self.replace, *self.delete))


def _type_of(address: str) -> str:
    """``module.a.lxd_instance.this[0]`` -> ``lxd_instance``."""
    return re.sub(r"^(module\.[^.]+\.)*", "", address).split(".")[0]


_ACTIONS = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("forget",): "delete",
}


def changes_of(document: Mapping[str, Any]) -> Changes:
    """The changes in the JSON of ``tofu show -json PLAN``. Sensitive outputs are left out."""
    found: dict[str, list[str]] = {"create": [], "update": [], "replace": [], "delete": []}
    for change in document.get("resource_changes", ()):
        action = _ACTIONS.get(tuple(change["change"]["actions"]))
        if action:
            found[action].append(str(change["address"]))
    outputs = (document.get("planned_values") or {}).get("outputs") or {}
    known = {name: one["value"] for name, one in outputs.items() if "value" in one and not one.get("sensitive")}
    return Changes(**{action: tuple(sorted(addresses)) for action, addresses in found.items()}, outputs=known)


def read_plan(program: str, directory: Path, plan_file: str) -> Changes:
    """What the saved plan would do. Raises ``tofu-plan-unreadable``."""
    done = _run([program, "show", "-json", plan_file], directory)
    try:
        if done.returncode == 0:
            return changes_of(json.loads(done.stdout))
        cause = _last_lines(done.stderr)
    except (ValueError, KeyError, TypeError) as error:
        cause = f"{type(error).__name__}: {error}"
    raise DeployerError(
        "tofu-plan-unreadable",
        "OpenTofu's plan cannot be read, so it is not applied.",
        where=str(directory / plan_file),
        cause=cause,
        next_step="the same command again",
        exit_code=ExitCode.INFRASTRUCTURE,
    )
