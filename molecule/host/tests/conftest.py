# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest, its Plan, and a server in a container that answers on what the Plan publishes and on one port more."""

from __future__ import annotations

import base64
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.molecule.host.guest import NAME
from ansible_collections.torrust.deployer.tests.lab import guests

DIRECTORY = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
SCENARIO = Path(__file__).resolve().parents[1]
# In no Plan.
STRAY_PORT = 9999
_WAIT_SECONDS = 2

# Says back to each client the address that it sees; with the guest's own Python, mounted into an empty image.
_SERVER = """
import os, signal, socket, sys, threading
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
def tcp(port):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        client, address = server.accept()
        client.sendall(address[0].encode())
        client.close()
def udp(port):
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    while True:
        _data, address = server.recvfrom(64)
        server.sendto(address[0].encode(), address)
for word in sys.argv[1:]:
    protocol, port = word.split(":")
    threading.Thread(target={"tcp": tcp, "udp": udp}[protocol], args=(int(port),)).start()
"""


def run(script: str) -> str:
    """Run a shell script as root in the guest."""
    return guests.execute(NAME, script)


def role(entry: str = "main", *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the role once more."""
    playbook = Path(sys.executable).with_name("ansible-playbook")
    command: list[str | Path] = [
        playbook,
        f"--inventory={DIRECTORY}/inventory.yml",
        SCENARIO / "converge.yml",
        f"-eentry={entry}",
    ]
    return subprocess.run(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def ask(protocol: str, address: str, port: int) -> str | None:
    """The client address that the server saw; ``None`` if nothing answered."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as client:
        client.settimeout(_WAIT_SECONDS)
        try:
            client.connect((address, port))
            if protocol == "udp":
                client.send(b"?")
            return client.recv(64).decode().removeprefix("::ffff:")
        except OSError:
            return None


@pytest.fixture(scope="session")
def plan() -> dict[str, Any]:
    """The Plan that the guest was configured to."""
    inventory = json.loads((DIRECTORY / "inventory.yml").read_text(encoding="utf-8"))
    document: dict[str, Any] = inventory["all"]["hosts"]["guest"]["host_plan"]
    return document


@pytest.fixture(scope="session")
def guest() -> guests.Guest:
    """The guest's addresses."""
    return guests.address(NAME)


@pytest.fixture(scope="session")
def publications(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """What the Plan publishes."""
    return [row for listener in plan["listeners"] for row in listener["publications"]]


@pytest.fixture(scope="session")
def server(plan: dict[str, Any], publications: list[dict[str, Any]]) -> Iterator[None]:
    """The server, published as the Plan says, and on the stray port of both families and protocols."""
    ports = [
        f"{'[::]' if row['family'] == 'ipv6' else row['host_address']}:{row['host_port']}:{row['container_port']}"
        f"/{row['protocol']}"
        for row in publications
    ]
    ports += [f"{any_}:{STRAY_PORT}:{STRAY_PORT}/{p}" for any_ in ("0.0.0.0", "[::]") for p in ("tcp", "udp")]
    listen = {f"{row['protocol']}:{row['container_port']}" for row in publications}
    listen |= {f"tcp:{STRAY_PORT}", f"udp:{STRAY_PORT}"}
    network = plan["network"]
    source = base64.b64encode(_SERVER.encode()).decode()
    run(
        f"""set -e
        cd "$(mktemp -d)"; ln -s usr/bin bin; ln -s usr/lib lib; ln -s usr/lib64 lib64
        tar -c bin lib lib64 | docker import - torrust-lab-empty >/dev/null
        docker network create --ipv6 --subnet {network["ipv6_subnet"]} \
            --opt com.docker.network.bridge.name={network["bridge"]} {network["name"]} >/dev/null
        docker run --detach --name lab-server --restart unless-stopped --network {network["name"]} \
            --volume /usr:/usr:ro {" ".join(f"--publish {port}" for port in ports)} torrust-lab-empty \
            /usr/bin/python3 -c "import base64; exec(base64.b64decode('{source}'))" {shlex.join(sorted(listen))}
        """
    )
    yield
    run(f"docker rm --force lab-server; docker network rm {network['name']}; docker rmi torrust-lab-empty")
