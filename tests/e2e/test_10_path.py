# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an env file to a tracker that serves; again with nothing to do; and with one thing changed."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.torrust.deployer.plugins.module_utils import _bittorrent as bittorrent
from ansible_collections.torrust.deployer.tests.e2e._deployer import Deployer, env_file
from ansible_collections.torrust.deployer.tests.e2e.conftest import MACHINE, NAME
from ansible_collections.torrust.deployer.tests.lab import _paths, guests
from ansible_collections.torrust.deployer.tests.swarm import SwarmError, share

HERE = {"ipv4": _paths.IPV4.partition("/")[0], "ipv6": _paths.IPV6.partition("/")[0]}
INTERVAL = 123


def test_a_file_with_mistakes_is_refused_with_all_of_them(deployer: Deployer, tmp_path: Path) -> None:
    def spoil(document: dict[str, Any]) -> None:
        document["tracker"]["core"]["database"]["driver"] = "sqlite"
        document["tracker"]["http_trackers"][0]["bind_address"] = "[::]:70700"
        document["tracker"]["udp_tracker"] = []

    path = env_file(tmp_path / "bad.yml", "e2e-bad", spoil)
    error = deployer.bad("deploy", "--env-file", str(path))
    assert error["exit_code"] == 3
    assert sorted(problem["path"] for problem in error["problems"]) == [
        "tracker.core.database.driver",
        "tracker.http_trackers[0].bind_address",
        "tracker.udp_tracker",
    ]
    assert all(problem["fix"] for problem in error["problems"])
    assert "e2e-bad" not in [row["name"] for row in deployer.run("list").document["result"]["environments"]]


def test_a_fresh_guest_becomes_a_tracker(deployed: dict[str, Any]) -> None:
    assert deployed["state"] == "running"
    assert deployed["verdict"]["passed"]
    assert deployed["infrastructure"]["ipv4"]
    assert deployed["infrastructure"]["ipv6"]


def _urls(deployed: dict[str, Any]) -> list[str]:
    return [entry["url"] for entry in deployed["urls"] if entry["kind"] in ("udp_tracker", "http_tracker")]


def test_real_clients_share_a_file_through_each_tracker(deployed: dict[str, Any]) -> None:
    urls = _urls(deployed)
    assert len(urls) == 4, "UDP and HTTP, IPv4 and IPv6"
    for url in urls:
        family = "ipv6" if "[" in url else "ipv4"
        assert share(url).address == HERE[family]


def test_clients_share_nothing_where_no_tracker_is(deployed: dict[str, Any]) -> None:
    dead = _urls(deployed)[0].replace(":6969", ":6970")
    with pytest.raises(SwarmError):
        share(dead, timeout=4)


def test_peers_are_told_real_addresses(deployed: dict[str, Any]) -> None:
    for url in _urls(deployed):
        family = "ipv6" if "[" in url else "ipv4"
        swarm = bittorrent.random_info_hash()
        place = bittorrent.parse_url(url)
        client: bittorrent.TrackerClient = (
            bittorrent.UdpTracker(place.host, place.port, bind=HERE[family])
            if place.scheme == "udp"
            else bittorrent.HttpTracker(url, bind=HERE[family])
        )
        with client:
            client.announce(bittorrent.Announce(swarm, b"-E2E001-aaaaaaaaaaaa", 50001, left=1))
            told = client.announce(bittorrent.Announce(swarm, b"-E2E001-bbbbbbbbbbbb", 50002, left=1))
            assert [(peer.address, peer.port) for peer in told.peers] == [(HERE[family], 50001)], url
            for peer_id, port in ((b"-E2E001-aaaaaaaaaaaa", 50001), (b"-E2E001-bbbbbbbbbbbb", 50002)):
                client.announce(bittorrent.Announce(swarm, peer_id, port, event="stopped"))


def test_a_second_deploy_changes_nothing(deployer: Deployer, deployed: dict[str, Any], main_file: Path) -> None:
    again = deployer.good("deploy", "--env-file", str(main_file))
    assert again.changed == 0, again.changed_steps


def test_the_playbook_does_the_same_from_anywhere(
    deployer: Deployer, deployed: dict[str, Any], main_file: Path, tmp_path: Path
) -> None:
    printed = deployer.playbook("deploy", tmp_path, env_file=str(main_file))
    recap = re.findall(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=0\s+failed=0", printed, re.MULTILINE)
    assert {host for host, _ok, _changed in recap} == {"localhost", NAME}, printed[-2000:]
    assert {changed for _host, _ok, changed in recap} == {"0"}, printed


def _containers() -> dict[str, str]:
    """Ids of our containers by service."""
    listed = guests.execute(MACHINE, "docker ps --no-trunc --format '{{ json . }}'")
    rows = [json.loads(line) for line in listed.splitlines()]
    return {row["Names"]: row["ID"] for row in rows}


def _whitelisted() -> str:
    """Rows of the tracker's database that only the API could have written."""
    script = (
        "import glob, sqlite3; (path,) = glob.glob('/opt/torrust/storage/tracker/**/tracker.db', recursive=True); "
        "base = sqlite3.connect('file:' + path + '?mode=ro', uri=True); "
        "print(base.execute('select info_hash from whitelist').fetchall())"
    )
    return guests.execute(MACHINE, f'python3 -c "{script}"')


def test_a_changed_setting_reaches_the_tracker_alone(
    deployer: Deployer, deployed: dict[str, Any], main_file: Path
) -> None:
    address = deployed["infrastructure"]["ipv4"]
    swarm = bittorrent.random_info_hash()
    request = urllib.request.Request(
        f"http://{address}:1212/api/v1/whitelist/{swarm.hex()}?token={deployer.token(NAME)}", method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
    assert swarm.hex() in _whitelisted()
    before = _containers()
    daemon = guests.execute(MACHINE, "systemctl show --property MainPID docker")
    network = guests.execute(MACHINE, "docker network inspect --format '{{ .Id }}' torrust")

    document = yaml.safe_load(main_file.read_text())
    document["tracker"]["core"]["announce_policy"] = {"interval": INTERVAL, "interval_min": INTERVAL}
    main_file.write_text(yaml.safe_dump(document))
    changed = deployer.good("deploy", "--env-file", str(main_file))
    assert changed.changed_steps == ["Apply the env file", "Bring the release to the host", "Bring the stack up"]

    after = _containers()
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in before)
    assert guests.execute(MACHINE, "systemctl show --property MainPID docker") == daemon
    assert guests.execute(MACHINE, "docker network inspect --format '{{ .Id }}' torrust") == network
    assert swarm.hex() in _whitelisted(), "the data are gone"
    with bittorrent.UdpTracker(address, 6969, bind=HERE["ipv4"]) as client:
        told = client.announce(bittorrent.Announce(swarm, b"-E2E001-aaaaaaaaaaaa", 50001))
        client.announce(bittorrent.Announce(swarm, b"-E2E001-aaaaaaaaaaaa", 50001, event="stopped"))
    assert told.interval == INTERVAL
    assert deployer.good("deploy", NAME).changed == 0
