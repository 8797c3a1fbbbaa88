# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Artifacts: every file, rendered from the Plan in memory. Deterministic: same input, same bytes.

What is peculiar to a service (its configuration templates and its compose fragment) lies in its role's ``templates/``;
here is only how they become a tree. On the host each service's configuration lies under its own content hash, and
the compose file mounts that path, so ``docker compose up`` recreates exactly the services whose configuration changed.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import jinja2
import yaml

from ansible_collections.torrust.deployer.plugins.plugin_utils import _quoting
from ansible_collections.torrust.deployer.plugins.plugin_utils._collection import collection_file
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import Plan, Service

HASH_LENGTH = 12
COMPOSE_FILE = "docker-compose.yml"
ENV_FILE = ".env"
MANIFEST_FILE = "manifest.json"
MANIFEST_FORMAT = 1

_COMPOSE_HEADER = """\
# The stack of this environment, for docker compose. Made by torrust.deployer from the environment file.
# Moved by: tracker.* (ports, release, database). Each configuration directory carries the hash of its content.
# Documentation: docs/architecture.md of torrust.deployer
"""
_ENV_HEADER = """\
# Values that docker-compose.yml refers to, secrets among them: readable by root only.
# Moved by: tracker.http_api.admin_token, tracker.core.database.
# Documentation: docs/architecture.md of torrust.deployer
"""


@dataclass(frozen=True)
class Artifact:
    """A file: path relative to its tree, bytes, mode, numeric owner."""

    path: str
    content: bytes
    mode: int
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class ReleaseTree:
    """A release: digest (12 hex digits), configuration hash of each service, files below the deploy directory."""

    digest: str
    services: dict[str, str]
    files: tuple[Artifact, ...]


@cache
def _templates(role: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(collection_file("roles", role, "templates")),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # none of the formats is HTML; each value is quoted for its own format
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(_quoting.FORMATS)
    return environment


def service_files(plan: Plan, service: Service) -> tuple[Artifact, ...]:
    """The configuration files of one service, with paths relative to its configuration directory."""
    return tuple(
        Artifact(
            file.path,
            _templates(service.role).get_template(file.template).render(plan=plan, service=service).encode(),
            int(file.mode, 8),
            service.uid,
            service.gid,
        )
        for file in service.files
    )


def digest(files: Iterable[Artifact]) -> str:
    """The content hash of a tree (SHA-256 over paths, modes, owners and bytes; first 12 hex digits)."""
    hasher = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path):
        head = json.dumps([file.path, file.mode, file.uid, file.gid, len(file.content)])
        hasher.update(head.encode() + b"\n" + file.content)
    return hasher.hexdigest()[:HASH_LENGTH]


def release_tree(plan: Plan, secrets: Mapping[str, str], images: Mapping[str, str]) -> ReleaseTree:
    """Everything that lies on the host for one release.

    ``secrets``: values by name. ``images``: the locked reference of each service; the catalogue's tag where absent.
    """
    files: list[Artifact] = []
    hashes: dict[str, str] = {}
    for service in plan.services:
        own = service_files(plan, service)
        hashes[service.name] = digest(own)
        directory = f"config/{service.name}/{hashes[service.name]}"
        files += [Artifact(f"{directory}/{file.path}", file.content, file.mode, file.uid, file.gid) for file in own]
    top = (
        Artifact(COMPOSE_FILE, _compose(plan, hashes, images), 0o600),
        Artifact(ENV_FILE, _env(plan, secrets), 0o600),
    )
    name = digest((*files, *top))
    files += [Artifact(f"releases/{name}/{file.path}", file.content, file.mode, file.uid, file.gid) for file in top]
    manifest = {
        "format": MANIFEST_FORMAT,
        "environment": plan.environment,
        "digest": name,
        "services": hashes,
        "directories": [asdict(directory) for service in plan.services for directory in service.directories],
        "files": {
            file.path: {
                "sha256": hashlib.sha256(file.content).hexdigest(),
                "mode": file.mode,
                "uid": file.uid,
                "gid": file.gid,
            }
            for file in files
        },
    }
    # Only root may read the manifest: the hash of .env would let others test guesses of a weak secret.
    content = (json.dumps(manifest, indent=2) + "\n").encode()
    files.append(Artifact(f"releases/{name}/{MANIFEST_FILE}", content, 0o600))
    return ReleaseTree(name, hashes, tuple(files))


def _compose(plan: Plan, hashes: Mapping[str, str], images: Mapping[str, str]) -> bytes:
    document: dict[str, Any] = {
        "name": plan.project,
        "services": {},
        "networks": {
            plan.network.name: {
                "name": plan.network.name,
                "enable_ipv6": True,
                "driver_opts": {"com.docker.network.bridge.name": plan.network.bridge},
                "ipam": {"config": [{"subnet": plan.network.ipv6_subnet}]},
            }
        },
    }
    for service in plan.services:
        fragment = (
            _templates(service.role)
            .get_template("compose.yml.j2")
            .render(
                plan=plan,
                service=service,
                image=images.get(service.name, service.image),
                pull_policy="never" if plan.image_archive else "missing",
                config_directory=f"{plan.deploy_directory}/config/{service.name}/{hashes[service.name]}",
                publications=[
                    f"{f'[{p.host_address}]' if p.family == 'ipv6' else p.host_address}"
                    f":{p.host_port}:{p.container_port}/{p.protocol}"
                    for listener in plan.listeners
                    if listener.service == service.name
                    for p in listener.publications
                ],
            )
        )
        document["services"][service.name] = yaml.safe_load(fragment)
    return (_COMPOSE_HEADER + yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)).encode()


def _env(plan: Plan, secrets: Mapping[str, str]) -> bytes:
    lines = []
    for service in plan.services:
        for variable, text in service.environment.items():
            lines.append(f"{variable}={_quoting.dotenv(text)}")
        for variable, secret in service.secrets.items():
            try:
                lines.append(f"{variable}={_quoting.dotenv(secrets[secret])}")
            except _quoting.Unquotable as error:
                raise DeployerError(
                    "bad-secret",
                    f"The secret {secret} cannot be used: {error}.",
                    next_step="choose another one in the environment file, then run create again",
                    exit_code=ExitCode.INVALID_ENVIRONMENT,
                ) from error
    return (_ENV_HEADER + "\n".join(lines) + "\n").encode()


def archive(tree: ReleaseTree) -> bytes:
    """The release as one tar, for one transfer; owners and modes are in it, times are not."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in tree.files:
            member = tarfile.TarInfo(file.path)
            member.size, member.mode, member.uid, member.gid = len(file.content), file.mode, file.uid, file.gid
            tar.addfile(member, io.BytesIO(file.content))
    return buffer.getvalue()


def render_all(
    plan: Plan,
    secrets: Mapping[str, str],
    images: Mapping[str, str],
    infrastructure: Iterable[Artifact],
    inventory: Artifact,
) -> tuple[Artifact, ...]:
    """The tree that ``render`` writes, one directory per tool, sorted by path."""
    tree = release_tree(plan, secrets, images)
    files = [inventory, *infrastructure]
    for file in tree.files:
        parts = file.path.split("/", 3)
        if parts[0] == "config":
            path = f"{parts[1]}/{parts[3]}"
        elif parts[-1] in (COMPOSE_FILE, ENV_FILE):
            path = f"docker-compose/{parts[-1]}"
        else:
            continue
        files.append(Artifact(path, file.content, file.mode, file.uid, file.gid))
    return tuple(sorted(files, key=lambda file: file.path))


def inventory(plan: Plan, address: str, private_key_path: str) -> Artifact:
    """An Ansible inventory of the one instance, for people who run their own playbooks on it."""
    host = {
        "ansible_host": address,
        "ansible_port": plan.host.ssh_port,
        "ansible_user": plan.host.ssh_user,
        "ansible_ssh_private_key_file": private_key_path,
    }
    text = (
        "# The instance of this environment. Moved by: ssh_credentials.*, and the instance's address.\n"
        "# Documentation: docs/architecture.md of torrust.deployer\n"
        + yaml.safe_dump({"torrust_instance": {"hosts": {plan.environment: host}}}, sort_keys=False)
    )
    return Artifact("ansible/inventory.yml", text.encode(), 0o600)
