# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``render``: the Artifacts as files in a directory, to be read before anything is deployed. Nothing is kept."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import secrets as random
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ansible_collections.torrust.deployer.plugins.plugin_utils import _artifacts, _secrets, _tofu, _verbs
from ansible_collections.torrust.deployer.plugins.plugin_utils._artifacts import Artifact
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._collection import collection_file
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import Environment, from_document
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import Plan, make_plan
from ansible_collections.torrust.deployer.plugins.plugin_utils._report import Outcome
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import Store

# Lists what a render wrote, so that the next one with --force takes away what it no longer writes.
LISTING = ".torrust-render.json"
_LISTING_FORMAT = 1


def render_file(
    path: Path, address: str, output: Path, environ: Mapping[str, str], *, force: bool = False, strict: bool = False
) -> Outcome:
    """Render an env file; secrets that ``create`` would generate are a visible placeholder."""
    address = _address(address)
    _refuse_output(output, force=force)
    found = _verbs.read(path, strict=strict)
    given = found.secrets(environ)
    later = [name for name in _verbs.needed_secrets(found.environment) if name not in given]
    secrets = {**given, **dict.fromkeys(later, _secrets.GENERATED_LATER)}
    warnings = found.warning_texts() + tuple(
        f"warning: {name} is a placeholder here: create generates the secret" for name in later
    )
    key = found.environment.ssh.public_key_path
    public_key = _tofu.read_public_key(key) if os.path.isfile(key) else f"PUBLIC-KEY-OF {key}"
    source = f"Config file: {path}"
    return _render(found.environment, public_key, secrets, address, output, source, warnings, force=force)


def render_environment(store: Store, name: str, address: str, output: Path, *, force: bool = False) -> Outcome:
    """Render an environment as the record has it, with its real secrets."""
    address = _address(address)
    _refuse_output(output, force=force)
    environment = from_document(store.load(name).environment)
    public_key = _tofu.read_public_key(environment.ssh.public_key_path)
    secrets, source = store.secrets(name), f"Environment: {name}"
    return _render(environment, public_key, secrets, address, output, source, (), force=force)


def _render(
    environment: Environment,
    public_key: str,
    secrets: Mapping[str, str],
    address: str,
    output: Path,
    source: str,
    warnings: tuple[str, ...],
    *,
    force: bool,
) -> Outcome:
    plan = make_plan(environment, catalogue())
    files = _artifacts.render_all(
        plan,
        secrets,
        {},
        _infrastructure(environment, plan, public_key),
        _artifacts.inventory(plan, address, environment.ssh.private_key_path),
    )
    try:
        _write(files, output, force=force)
    except OSError as error:
        raise DeployerError(
            "output-not-written",
            "The rendered files cannot be written.",
            where=error.filename or str(output),
            cause=error.strerror or str(error),
            next_step="mend the cause or choose another --output-dir, then run it again (with --force where it exists)",
            exit_code=ExitCode.CONFLICT,
        ) from error
    names = [file.path for file in files]
    return Outcome(
        document={
            "environment_name": environment.name,
            "config_source": source,
            "target_ip": address,
            "output_dir": str(output),
            "files": names,
        },
        text="\n".join([f"{len(names)} files in {output}:", *(f"  {name}" for name in names)]),
        changed=True,
        warnings=warnings,
        environment=environment.name,
    )


def _infrastructure(environment: Environment, plan: Plan, public_key: str) -> list[Artifact]:
    """What OpenTofu is given; nothing for a machine that exists."""
    if not plan.instance.managed:
        return []
    provider = plan.instance.provider
    first = _tofu.user_data(environment.ssh.username, public_key, environment.ssh.port)
    content = _tofu.files(
        collection_file("roles", "infrastructure", "files", provider),
        _tofu.variables_of(plan.instance.variables, first),
    )
    return [Artifact(f"tofu/{provider}/{name}", data, 0o600) for name, data in content.items()]


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError as error:
        raise DeployerError(
            "bad-address",
            f"{text!r} is not an IP address.",
            next_step="give an IPv4 or IPv6 address without a port, such as --instance-ip 203.0.113.7 or 2001:db8::7",
            exit_code=ExitCode.USAGE,
        ) from error


def _refuse_output(output: Path, *, force: bool) -> None:
    if not os.path.lexists(output):
        return
    if force and output.is_dir():
        return
    kind = "exists already" if output.is_dir() else "is not a directory"
    raise DeployerError(
        "output-exists",
        f"The output directory {kind}; nothing was written.",
        where=str(output),
        next_step="choose another --output-dir"
        + ("" if force else ", or add --force to replace what an earlier render wrote there"),
        exit_code=ExitCode.CONFLICT,
    )


def _write(files: Iterable[Artifact], output: Path, *, force: bool) -> None:
    """Each file whole or not at all; what an earlier render wrote and this one does not is removed."""
    output.mkdir(mode=0o700, parents=True, exist_ok=force)
    before = _listed(output)
    names = [file.path for file in files]
    listing = {"format": _LISTING_FORMAT, "files": sorted({*names, *before})}
    # The listing comes first and covers both: a run that dies in between leaves nothing that the next cannot clear.
    _put(output, Artifact(LISTING, _json(listing), 0o600))
    for file in files:
        _put(output, file)
    for stale in before - set(names):
        with contextlib.suppress(FileNotFoundError):
            (output / stale).unlink()
        _prune(output, (output / stale).parent)
    _put(output, Artifact(LISTING, _json({"format": _LISTING_FORMAT, "files": sorted(names)}), 0o600))


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _listed(output: Path) -> set[str]:
    """What the listing of an earlier render names; never a path that leads out of the directory."""
    try:
        listing = json.loads((output / LISTING).read_bytes())
        names = [name for name in listing["files"] if isinstance(name, str)]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if _inside(output, name)}


def _inside(output: Path, name: str) -> bool:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        return False
    return (output / path).parent.resolve().is_relative_to(output.resolve())


def _put(output: Path, file: Artifact) -> None:
    path = output / file.path
    _make_directories(output, path.parent)
    aside = path.parent / f".aside-{random.token_hex(8)}"
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(file.content)
            os.fchmod(stream.fileno(), file.mode)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _make_directories(output: Path, directory: Path) -> None:
    """A symbolic link below the output directory would lead the files elsewhere: it is an error."""
    for part in reversed([directory, *directory.parents]):
        if part == output or not part.is_relative_to(output):
            continue
        if part.is_symlink():
            raise NotADirectoryError(20, "is a symbolic link", str(part))
        part.mkdir(mode=0o700, exist_ok=True)


def _prune(output: Path, directory: Path) -> None:
    while directory != output:
        try:
            directory.rmdir()
        except OSError:
            return
        directory = directory.parent
