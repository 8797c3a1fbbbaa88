# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release rendered from the record and brought to the host (documented in plugins/modules/release.py)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.torrust.deployer.plugins.plugin_utils import _artifacts, _image_archive, _operation
from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import from_document
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import Plan, make_plan
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Image, Record, Release, now

_FILES = "torrust.deployer.release_files"
_COMMAND = "ansible.builtin.command"

# What to do about each failure that the host reports.
_REMEDIES = {
    "disk-full": ("The host's disk is full.", "free space there (df -h), then: {again}"),
    "other-environment": (
        "The host serves another environment.",
        "destroy that one first, or use another host for this one",
    ),
    "docker": ("Docker on the host does not answer.", "torrust-tracker-deployer configure {name}"),
    "host-files": ("The release could not be written on the host.", "mend the cause, then: {again}"),
    "bad-archive": ("The release arrived damaged.", "{again}"),
}


class ActionModule(DeployerAction):
    """Brings the images and the files of the environment's release to the host, each only if it is not there."""

    SPEC: ClassVar[Mapping[str, Any]] = {"env_name": {"type": "str", "required": True}}

    _requires_connection = True
    TRANSFERS_FILES = True

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        name = arguments["env_name"]
        record = self.store.load(name)
        secrets = self.store.secrets(name)
        self.protect(secrets.values())
        plan = make_plan(from_document(record.environment), catalogue())
        locks = {service: image for service, image in record.images.items() if self._still_asked(plan, service, image)}
        tree = self._tree(plan, secrets, locks)
        seen = self._files(name, plan, tree, locks, variables)

        done: list[str] = []
        for service in plan.services:
            lock = locks.get(service.name)
            brought = self._image(name, plan, service.name, service.image, lock, seen["images"], variables)
            if brought:
                locks[service.name], was_missing = brought
                done += [f"image {service.image}"] if was_missing else []
        locked = self._tree(plan, secrets, locks)
        if locked.digest != tree.digest:
            tree, seen = locked, self._files(name, plan, locked, locks, variables)
        if not seen["complete"]:
            done.append(f"release {tree.digest}")
            if not self.check_mode:
                self._phase(name, "upload")
                seen = self._upload(name, plan, tree, locks, variables)
                if not seen["complete"]:
                    raise self._failure(name, {"code": "bad-archive", "msg": ", ".join(seen["damage"])})
        done += seen["directories"]
        if not self.check_mode:
            self.store.update(name, lambda found: _with_release(found, tree, locks))
        return {
            "changed": bool(done),
            "digest": tree.digest,
            "done": done,
            "document": {
                "environment": name,
                "release": tree.digest,
                "services": tree.services,
                "images": {service: image.reference for service, image in locks.items()},
                "changed": done,
            },
        }

    def _tree(self, plan: Plan, secrets: Mapping[str, str], locks: Mapping[str, Image]) -> _artifacts.ReleaseTree:
        return _artifacts.release_tree(plan, secrets, {service: image.reference for service, image in locks.items()})

    def _still_asked(self, plan: Plan, service: str, image: Image) -> bool:
        """A lock holds as long as the environment asks for the same image from the same kind of place."""
        asked = next((each.image for each in plan.services if each.name == service), None)
        source = "archive" if plan.image_archive else "registry"
        repository = (asked or "").rpartition(":")[0]
        return image.source == source and image.reference in (asked, f"{repository}@{image.id}") and asked is not None

    def _files(
        self,
        name: str,
        plan: Plan,
        tree: _artifacts.ReleaseTree,
        locks: Mapping[str, Image],
        variables: Mapping[str, Any],
        src: str | None = None,
    ) -> dict[str, Any]:
        references = {service.image for service in plan.services} | {image.reference for image in locks.values()}
        result = self.module(
            _FILES,
            {
                "deploy_directory": plan.deploy_directory,
                "environment": name,
                "digest": tree.digest,
                "images": sorted(references),
                "src": src,
            },
            variables,
        )
        if result.get("failed") or result.get("unreachable"):
            raise self._failure(name, result)
        return result

    def _upload(
        self,
        name: str,
        plan: Plan,
        tree: _artifacts.ReleaseTree,
        locks: Mapping[str, Image],
        variables: Mapping[str, Any],
    ) -> dict[str, Any]:
        with tempfile.NamedTemporaryFile(prefix="torrust-release-", suffix=".tar") as local:
            local.write(_artifacts.archive(tree))
            local.flush()
            remote = self._transfer(name, local.name, "release.tar")
            try:
                return self._files(name, plan, tree, locks, variables, src=remote)
            finally:
                self._remove_tmp_path(self._connection._shell.tmpdir)

    def _transfer(self, name: str, local: str, remote_name: str) -> str:
        try:
            if not self._connection._shell.tmpdir:
                self._make_tmp_path()
            remote: str = self._connection._shell.join_path(self._connection._shell.tmpdir, remote_name)
            self._transfer_file(local, remote)
        except AnsibleConnectionFailure as failure:
            raise self._failure(name, {"unreachable": True, "msg": str(failure.message)}) from failure
        except AnsibleError as failure:
            raise self._failure(name, {"msg": str(failure.message)}) from failure
        return remote

    def _image(
        self,
        name: str,
        plan: Plan,
        service: str,
        reference: str,
        lock: Image | None,
        present: Mapping[str, Any],
        variables: Mapping[str, Any],
    ) -> tuple[Image, bool] | None:
        """The lock of a service's image, once the host has it, and whether it had to be brought."""
        if plan.image_archive:
            archived = _image_archive.find(plan.image_archive, reference)
            wanted = Image(reference, archived.id, "archive")
            if present.get(reference, {}).get("id") == archived.id:
                return wanted, False
            if self.check_mode:
                return wanted, True
            self._phase(name, f"load {reference}")
            remote = self._transfer(name, str(archived.file), archived.file.name)
            try:
                self._command(name, ["docker", "load", "--quiet", "--input", remote], reference, variables)
            finally:
                self._remove_tmp_path(self._connection._shell.tmpdir)
            return wanted, True
        if lock and lock.reference in present:
            return lock, False
        if self.check_mode:
            return None
        pulled = lock.reference if lock else reference
        was_missing = pulled not in present
        if was_missing:
            self._phase(name, f"pull {pulled}")
            self._command(name, ["docker", "pull", "--quiet", pulled], pulled, variables)
        if lock:
            return lock, True
        inspected = self._command(
            name,
            ["docker", "image", "inspect", "--format", "{{ range .RepoDigests }}{{ println . }}{{ end }}", pulled],
            pulled,
            variables,
        )
        repository = reference.rpartition(":")[0]
        for line in str(inspected["stdout"]).split():
            if line.rpartition("@")[0].removeprefix("docker.io/") == repository:
                return Image(
                    f"{repository}@{line.rpartition('@')[2]}", line.rpartition("@")[2], "registry"
                ), was_missing
        raise DeployerError(
            "image-without-digest",
            f"The host has {reference}, but from no registry, so it cannot be pinned by digest.",
            where=name,
            next_step="remove it there (docker image rm) so that it is pulled, or set images.archive",
            exit_code=ExitCode.HOST,
        )

    def _command(self, name: str, argv: list[str], reference: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        result = self.module(_COMMAND, {"argv": argv, "_uses_shell": False}, variables)
        if result.get("failed") or result.get("unreachable"):
            if result.get("unreachable"):
                raise self._failure(name, result)
            cause = str(result.get("stderr") or result.get("msg") or "")
            if "no space left" in cause.lower():
                raise self._failure(name, {"code": "disk-full", "msg": cause})
            raise DeployerError(
                "image-not-brought",
                f"The image {reference} could not be brought to the host.",
                where=f"{name}: {' '.join(argv[:3])}",
                cause="\n".join(cause.splitlines()[-5:]),
                next_step=f"mend the cause, then: torrust-tracker-deployer release {name}",
                exit_code=ExitCode.HOST,
            )
        return result

    def _phase(self, name: str, title: str) -> None:
        if not self.check_mode:
            _operation.phase(self.store, name, title)

    def _failure(self, name: str, result: Mapping[str, Any]) -> DeployerError:
        again = f"torrust-tracker-deployer release {name}"
        cause = str(result.get("msg") or result.get("module_stderr") or "")
        if result.get("unreachable"):
            return DeployerError(
                "host-unreachable",
                "The host was lost.",
                where=name,
                cause=cause,
                next_step=f"see why with: torrust-tracker-deployer show {name}; then: {again}",
                exit_code=ExitCode.UNREACHABLE,
            )
        code = str(result.get("code") or ("disk-full" if "no space left" in cause.lower() else "host-files"))
        message, next_step = _REMEDIES.get(code, _REMEDIES["host-files"])
        return DeployerError(
            code,
            message,
            where=name,
            cause=cause,
            next_step=next_step.format(name=name, again=again),
            exit_code=ExitCode.HOST,
        )


def _with_release(record: Record, tree: _artifacts.ReleaseTree, locks: Mapping[str, Image]) -> Record:
    known = record.release
    same = known is not None and (known.digest, known.services) == (tree.digest, tree.services)
    release = known if same else Release(tree.digest, now(), dict(tree.services))
    return replace(record, release=release, images=dict(locks))
