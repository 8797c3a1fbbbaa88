# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the docker command says, as it says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.module_utils import _docker

IMAGE = json.dumps(
    [
        {
            "Id": "sha256:5f1c",
            "RepoTags": ["torrust/tracker:3.0.0"],
            "RepoDigests": ["torrust/tracker@sha256:ab12"],
            "Architecture": "amd64",
        }
    ]
)


def _container(service: str, state: Mapping[str, Any], restarts: int = 0) -> dict[str, Any]:
    return {
        "Id": f"id-{service}",
        "Name": f"/torrust-{service}-1",
        "Image": "sha256:5f1c",
        "RestartCount": restarts,
        "State": {"Status": "running", "Running": True, "ExitCode": 0, "Error": "", **state},
        "Config": {"Labels": {"com.docker.compose.project": "torrust", "com.docker.compose.service": service}},
        "Mounts": [
            {"Type": "bind", "Source": "/opt/torrust/storage/tracker/lib", "Destination": "/var/lib/torrust/tracker"},
            {"Type": "bind", "Source": "/opt/torrust/config/tracker/abc", "Destination": "/etc/torrust/tracker"},
        ],
    }


def _run(*inspected: dict[str, Any]) -> _docker.Run:
    def run(command: list[str]) -> tuple[int, str, str]:
        if command[1] == "ps":
            assert "label=com.docker.compose.project=torrust" in command
            return 0, "".join(one["Id"] + "\n" for one in inspected), ""
        assert command == ["docker", "inspect", *(one["Id"] for one in inspected)]
        return 0, json.dumps(inspected), ""

    return run


def _says(code: int, out: str, err: str) -> _docker.Run:
    return lambda _command: (code, out, err)


@pytest.mark.parametrize(
    "error",
    ["Error response from daemon: No such image: a:1\n", "Error: No such image: a:1\n", "error: no such image: a:1\n"],
)
def test_an_image_that_is_not_there(error: str) -> None:
    assert _docker.image(_says(1, "[]\n", error), "a:1") is None


def test_an_image_that_is_there() -> None:
    assert _docker.image(_says(0, IMAGE, ""), "torrust/tracker:3.0.0") == _docker.ImageInfo(
        "sha256:5f1c", ("torrust/tracker@sha256:ab12",)
    )
    loaded = json.dumps([{"Id": "sha256:5f1c", "RepoDigests": None}])
    assert _docker.image(_says(0, loaded, ""), "torrust/tracker:3.0.0") == _docker.ImageInfo("sha256:5f1c", ())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("warning\nCannot connect to the Docker daemon at unix:///var/run/docker.sock.\n", "Cannot connect"),
        ("", "exit code 1"),
    ],
)
def test_a_docker_that_does_not_answer_is_no_missing_image(error: str, said: str) -> None:
    with pytest.raises(_docker.DockerError, match=f"^{said}"):
        _docker.image(_says(1, "", error), "a:1")
    with pytest.raises(_docker.DockerError, match=said):
        _docker.containers(_says(1, "", error), "torrust")


def test_no_container() -> None:
    assert _docker.containers(_run(), "torrust") == []


def test_containers_come_by_service_with_what_they_mount() -> None:
    found = _docker.containers(_run(_container("tracker", {}), _container("proxy", {})), "torrust")
    assert [one.service for one in found] == ["proxy", "tracker"]
    assert found[0].name == "torrust-proxy-1"
    assert found[0].mounts == ("/opt/torrust/config/tracker/abc", "/opt/torrust/storage/tracker/lib")


@pytest.mark.parametrize(
    ("state", "restarts", "serves", "sentence"),
    [
        ({}, 0, True, "tracker is running"),
        ({"Health": {"Status": "healthy"}}, 0, True, "tracker is running"),
        ({"Health": {"Status": "starting"}}, 0, False, "tracker is running but starting"),
        ({"Health": {"Status": "unhealthy", "FailingStreak": 5}}, 0, False, "tracker is running but unhealthy"),
        (
            {"Status": "restarting", "Restarting": True, "ExitCode": 101},
            7,
            False,
            "tracker is restarting (exit code 101, restarted 7 times)",
        ),
        ({"Status": "exited", "ExitCode": 137}, 0, False, "tracker is exited (exit code 137, restarted 0 times)"),
        ({"Status": "created"}, 0, False, "tracker is created"),
        ({"Status": "paused", "Health": {"Status": "healthy"}}, 0, False, "tracker is paused"),
    ],
)
def test_only_what_runs_and_is_healthy_serves(
    state: dict[str, Any], restarts: int, serves: bool, sentence: str
) -> None:
    (found,) = _docker.containers(_run(_container("tracker", state, restarts)), "torrust")
    assert (found.is_serving, found.describe()) == (serves, sentence)


def test_the_last_words_are_of_both_streams() -> None:
    assert _docker.last_log_lines(_says(0, "one\ntwo\n", "three\n"), "id", 2) == ["two", "three"]
