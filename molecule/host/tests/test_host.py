# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role promises, seen from outside the guest. The tests run in this order, the last ones undo the role."""

from __future__ import annotations

import ipaddress
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.torrust.deployer.molecule.host.guest import NAME
from ansible_collections.torrust.deployer.molecule.host.tests.conftest import STRAY_PORT, ask, role, run
from ansible_collections.torrust.deployer.tests.lab import guests
from ansible_collections.torrust.deployer.tests.lab._lxd import lxc

BRIDGE = (ipaddress.ip_network("10.87.140.0/24"), ipaddress.ip_network("fd42:87:140::/64"))
OTHERS_RULE = "DOCKER-USER -s 203.0.113.9/32 -j DROP"


def assert_filtered(guest: guests.Guest, publications: list[dict[str, Any]]) -> None:
    """What the Plan makes public answers with the client's own address; the rest does not, though it runs."""
    for row in publications:
        address = guest.ipv4 if row["family"] == "ipv4" else guest.ipv6
        seen = ask(row["protocol"], address, row["host_port"])
        if row["host_address"] in ("0.0.0.0", "::"):
            assert seen, f"{row} does not answer"
            assert any(ipaddress.ip_address(seen) in network for network in BRIDGE), f"{row} sees {seen}"
        else:
            assert seen is None, f"{row} answers to all"
    closed = [(protocol, address) for protocol in ("tcp", "udp") for address in (guest.ipv4, guest.ipv6)]
    with ThreadPoolExecutor() as pool:
        answers = pool.map(lambda one: ask(one[0], one[1], STRAY_PORT), closed)
    assert list(answers) == [None] * len(closed), f"{STRAY_PORT} is open"
    # It is the firewall that is silent, not the server.
    run(f"timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{STRAY_PORT}; cat <&3'")


def wait_for_server(guest: guests.Guest) -> None:
    """Until the server answers on a port of the Plan, in both families."""
    deadline = time.monotonic() + 60
    while not (ask("tcp", guest.ipv4, 7070) and ask("tcp", guest.ipv6, 7070)):
        assert time.monotonic() < deadline, "the server does not come back"
        time.sleep(0.3)


def failure(output: str) -> str:
    """The message of the failed task."""
    start = output.index("FAILED! => ") + len("FAILED! => ")
    return str(json.JSONDecoder().raw_decode(output[start:])[0]["msg"])


def test_docker_keeps_containers() -> None:
    assert run("docker info --format '{{ .LiveRestoreEnabled }}'").strip() == "true"


def test_only_published_ports_of_the_plan_are_open(
    guest: guests.Guest, publications: list[dict[str, Any]], server: None
) -> None:
    wait_for_server(guest)
    assert_filtered(guest, publications)


def test_other_traffic_of_containers_goes_on(server: None) -> None:
    gateways = ("10.87.140.1", "fd42:87:140::1")
    connect = "; ".join(f"socket.create_connection(('{gateway}', 53), 5)" for gateway in gateways)
    run(f'docker exec lab-server /usr/bin/python3 -c "import socket; {connect}"')


def test_it_survives_a_restart_of_docker_and_so_do_containers(
    guest: guests.Guest, publications: list[dict[str, Any]], server: None
) -> None:
    started = "docker inspect --format '{{ .State.StartedAt }}' lab-server"
    before = run(started)
    run("systemctl restart docker")
    assert run(started) == before
    wait_for_server(guest)
    assert_filtered(guest, publications)


def test_it_survives_a_reload_of_ufw(guest: guests.Guest, publications: list[dict[str, Any]], server: None) -> None:
    run("ufw reload")
    assert_filtered(guest, publications)


def test_it_comes_back_when_the_rules_are_lost(
    guest: guests.Guest, publications: list[dict[str, Any]], server: None
) -> None:
    for program in ("iptables", "ip6tables"):
        run(f"{program} -I {OTHERS_RULE}" if program == "iptables" else "true")
        run(f"{program} -D DOCKER-USER ! -i torrust0 -o torrust0 -j TORRUST; {program} -F TORRUST")
    assert ask("tcp", guest.ipv4, STRAY_PORT), "the test does not open what it wants to see closed"
    again = role()
    assert again.returncode == 0, again.stdout
    assert "changed=1 " in again.stdout
    assert_filtered(guest, publications)
    assert f"-A {OTHERS_RULE}" in run("iptables -S DOCKER-USER")
    run(f"iptables -D {OTHERS_RULE}")


def test_a_rule_that_ends_the_way_before_ours_is_noticed(
    guest: guests.Guest, publications: list[dict[str, Any]], server: None
) -> None:
    run("iptables -I DOCKER-USER -j RETURN")
    again = role()
    assert again.returncode == 0, again.stdout
    assert "changed=1 " in again.stdout
    assert_filtered(guest, publications)
    run("iptables -D DOCKER-USER -j RETURN")


def test_it_survives_a_reboot(guest: guests.Guest, publications: list[dict[str, Any]], server: None) -> None:
    lxc("restart", NAME)
    guests.start(NAME)
    wait_for_server(guest)
    assert_filtered(guest, publications)
    again = role()
    assert again.returncode == 0, again.stdout
    assert "changed=0 " in again.stdout
    assert run("systemctl --failed --plain --no-legend").strip() == ""


def test_a_broken_daemon_file_is_named_and_left(server: None) -> None:
    file = "/etc/docker/daemon.json"
    run(f"cp {file} /root/daemon.json; echo '{{\"debug\": tru' > {file}")
    try:
        failed = role()
        assert failed.returncode != 0
        assert f"{file} cannot be read" in failure(failed.stdout)
        assert run(f"cat {file}") == '{"debug": tru\n'
    finally:
        run(f"cp /root/daemon.json {file}")


def test_keys_of_the_owner_stay(server: None) -> None:
    file = "/etc/docker/daemon.json"
    run(f'echo \'{{"log-opts": {{"max-size": "10m"}}, "log-driver": "json-file"}}\' > {file}')
    again = role()
    assert again.returncode == 0, again.stdout
    settings = json.loads(run(f"cat {file}"))
    assert settings["log-opts"] == {"max-size": "10m"}
    assert settings["live-restore"] is True


def test_a_full_disk_is_named() -> None:
    run("mkdir -p /opt/torrust && mount -t tmpfs -o size=8m tmpfs /opt/torrust")
    try:
        failed = role("precheck")
        assert failed.returncode != 0
        assert "/opt/torrust has 8 MiB free" in failure(failed.stdout)
    finally:
        run("umount /opt/torrust")


def test_a_busy_package_manager_is_named_and_awaited() -> None:
    run("apt-get remove --yes unattended-upgrades >/dev/null")
    holder = (
        "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(8)"
    )
    run(f'nohup python3 -c "{holder}" >/dev/null 2>&1 &')
    begun = time.monotonic()
    again = role()
    assert again.returncode == 0, again.stdout
    assert time.monotonic() - begun > 5
    assert "waits for apt, in use by python3" in again.stdout


def test_a_taken_port_is_named(server: None) -> None:
    # The server is none of the stack's project, so it stands in the way.
    failed = role("precheck")
    assert failed.returncode != 0
    assert "Port 6969/udp" in failure(failed.stdout)


def test_remove_takes_ours_only(guest: guests.Guest, server: None) -> None:
    removed = role("remove")
    assert removed.returncode == 0, removed.stdout
    for program in ("iptables-save", "ip6tables-save"):
        assert "TORRUST" not in run(program)
    left = run(
        "ls -d /etc/torrust-firewall /etc/systemd/system/*torrust* /etc/sysctl.d/60-torrust.conf 2>/dev/null || true"
    )
    assert left == ""
    assert ask("tcp", guest.ipv4, STRAY_PORT)
    assert run("ufw status").startswith("Status: active")
    assert run("docker ps --quiet").strip()
    again = role("remove")
    assert "changed=0 " in again.stdout
