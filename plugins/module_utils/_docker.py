# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the docker command says, parsed. Runs on hosts (Python >= 3.9)."""

from __future__ import annotations

import json
from typing import Any, Callable, NamedTuple

# How many of a container's last log lines a message shows.
LOG_LINES = 15

Run = Callable[[list[str]], tuple[int, str, str]]


class DockerError(Exception):
    """The docker command failed; the text is its own last line."""


class ImageInfo(NamedTuple):
    """An image on the host: its id (``sha256:...``) and the digests under which registries know it."""

    id: str
    digests: tuple[str, ...]


class ContainerInfo(NamedTuple):
    """A container of the stack as it is now; ``health`` is empty where the image has no check."""

    service: str
    name: str
    id: str
    image: str
    state: str
    health: str
    exit_code: int
    restarts: int
    mounts: tuple[str, ...]

    @property
    def is_serving(self) -> bool:
        """Running, not restarting, and healthy where it can say so."""
        return self.state == "running" and self.health in ("", "healthy")

    def describe(self) -> str:
        """One sentence on its state."""
        text = f"{self.service} is {self.state}"
        if self.state in ("exited", "dead", "restarting"):
            text += f" (exit code {self.exit_code}, restarted {self.restarts} times)"
        elif self.health not in ("", "healthy"):
            text += f" but {self.health}"
        return text


def _output(run: Run, command: list[str]) -> str:
    code, out, err = run(command)
    if code != 0:
        lines = (err.strip() or out.strip() or f"exit code {code}").splitlines()
        raise DockerError(f"{' '.join(command[:3])}: {lines[-1]}")
    return out


def image(run: Run, reference: str) -> ImageInfo | None:
    """The image of that reference; ``None`` if the host does not have it."""
    code, out, err = run(["docker", "image", "inspect", reference])
    if code != 0:
        if "No such image" in err or "no such image" in err:
            return None
        raise DockerError((err.strip() or f"exit code {code}").splitlines()[-1])
    found: dict[str, Any] = json.loads(out)[0]
    return ImageInfo(found["Id"], tuple(found.get("RepoDigests") or ()))


def containers(run: Run, project: str) -> list[ContainerInfo]:
    """The containers of a compose project, running or not, sorted by service."""
    ids = _output(run, ["docker", "ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={project}"])
    if not ids.split():
        return []
    inspected = json.loads(_output(run, ["docker", "inspect", *ids.split()]))
    return sorted(_container(entry) for entry in inspected)


def _container(entry: dict[str, Any]) -> ContainerInfo:
    state = entry["State"]
    return ContainerInfo(
        service=entry["Config"]["Labels"].get("com.docker.compose.service", ""),
        name=entry["Name"].lstrip("/"),
        id=entry["Id"],
        image=entry["Image"],
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        exit_code=state["ExitCode"],
        restarts=entry.get("RestartCount", 0),
        mounts=tuple(sorted(mount.get("Source", "") for mount in entry.get("Mounts", []))),
    )


def last_log_lines(run: Run, container: str, count: int = LOG_LINES) -> list[str]:
    """The last lines a container wrote, on either stream."""
    _code, out, err = run(["docker", "logs", "--tail", str(count), container])
    return (out + err).splitlines()[-count:]
