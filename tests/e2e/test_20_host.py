# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the machine after a deploy, seen from the machine."""

from __future__ import annotations

import json
from typing import Any

import pytest
import testinfra

from ansible_collections.torrust.deployer.tests.e2e._deployer import Deployer
from ansible_collections.torrust.deployer.tests.e2e.conftest import KEY, MACHINE, NAME
from ansible_collections.torrust.deployer.tests.lab._lxd import lxc


@pytest.fixture(scope="module")
def host(deployer: Deployer, deployed: dict[str, Any]) -> Any:
    """The machine, over SSH with the pinned host key, as the user that the product logs in as."""
    known_hosts = deployer.workspace / "data" / NAME / "known_hosts"
    return testinfra.get_host(
        f"ssh://torrust@{deployed['infrastructure']['ipv4']}",
        ssh_identity_file=str(KEY),
        ssh_extra_args=f"-o UserKnownHostsFile={known_hosts} -o StrictHostKeyChecking=yes",
        sudo=True,
    )


def test_docker_is_there_and_starts_by_itself(host: Any) -> None:
    docker = host.service("docker")
    assert docker.is_running
    assert docker.is_enabled
    settings = json.loads(host.file("/etc/docker/daemon.json").content_string)
    assert settings["live-restore"] is True
    assert host.check_output("docker info --format '{{ .LiveRestoreEnabled }}'") == "true"


def test_the_firewall_is_on_with_ssh_in_it(host: Any) -> None:
    status = host.check_output("ufw status")
    assert status.startswith("Status: active")
    assert "22/tcp" in status
    assert host.service("ufw").is_enabled


@pytest.mark.parametrize("program", ["iptables", "ip6tables"])
def test_what_docker_publishes_is_filtered_in_both_families(host: Any, program: str) -> None:
    rules = host.check_output(f"{program} -S")
    user = host.check_output(f"{program} -S DOCKER-USER")
    assert "-A FORWARD -j DOCKER-USER" in rules
    # Jumps to a chain of ours, or the rules themselves.
    assert len(user.splitlines()) > 1, user


def test_the_tracker_runs_as_its_own_user_with_little(host: Any) -> None:
    (container,) = json.loads(host.check_output("docker inspect $(docker ps --quiet)"))
    assert container["Config"]["User"] == "6969:6969"
    assert container["State"]["Health"]["Status"] == "healthy"
    assert container["RestartCount"] == 0
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in container["HostConfig"]["SecurityOpt"]
    assert container["Config"]["StopSignal"] == "SIGINT"


def test_data_belong_to_the_tracker_and_nobody_else_reads_them(host: Any) -> None:
    for path in ("/opt/torrust/storage/tracker/lib", "/opt/torrust/storage/tracker/log"):
        directory = host.file(path)
        assert directory.is_directory
        assert (directory.uid, directory.gid) == (6969, 6969)
        assert directory.mode & 0o007 == 0, oct(directory.mode)


def test_the_present_release_is_whole(host: Any) -> None:
    current = host.file("/opt/torrust/current")
    assert current.is_symlink
    release = host.check_output("readlink -f /opt/torrust/current")
    assert release.startswith("/opt/torrust/releases/")
    assert host.file(f"{release}/manifest.json").is_file


def test_no_file_with_the_secret_is_readable_by_others(host: Any, deployer: Deployer) -> None:
    token = deployer.token(NAME)
    assert len(token) >= 16
    # By standard input: a command line can be read by others too.
    script = (
        "cat > /run/e2e-secret; grep --recursive --files-with-matches --fixed-strings --file /run/e2e-secret "
        "/opt /etc /var/log /home /tmp; rm /run/e2e-secret"
    )
    found = lxc("exec", MACHINE, "--", "sh", "-c", script, stdin=token).split()
    assert found, "the tracker must have it from somewhere"
    for path in found:
        file = host.file(path)
        assert file.mode & 0o077 == 0, f"{path} is {oct(file.mode)}"
