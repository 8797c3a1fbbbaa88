# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make and delete the guest of this scenario: ``python -m ... guest create|destroy DIRECTORY``.

``create`` writes ``DIRECTORY/inventory.yml``, which holds the guest and the Plan of the lab's example.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._envfile import load
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import check
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import make_plan
from ansible_collections.torrust.deployer.tests.lab import guests

NAME = "torrust-lab-molecule-host"
USER = "torrust"
ENV_FILE = Path(__file__).resolve().parents[2] / "examples" / "lab" / "sqlite.yml"


def create(directory: Path) -> None:
    """Launch the guest, unless it runs, and write the inventory."""
    directory.mkdir(parents=True, exist_ok=True)
    key = directory / "key"
    if not key.exists():
        guests.delete(NAME)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        guests.prepare()
        guests.launch(NAME, key.with_suffix(".pub").read_text(encoding="ascii"), USER)
    guest = guests.address(NAME)
    known_hosts = directory / "known_hosts"
    scan = subprocess.run(["ssh-keyscan", guest.ipv4], check=True, capture_output=True, text=True)
    known_hosts.write_text(scan.stdout, encoding="ascii")
    checked = check(load(ENV_FILE), ENV_FILE.parent)
    if checked.environment is None:
        raise SystemExit(f"{ENV_FILE} is refused: {checked.problems}")
    variables = {
        "ansible_host": guest.ipv4,
        "ansible_user": USER,
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={known_hosts}",
        "ansible_python_interpreter": "/usr/bin/python3",
        "host_plan": make_plan(checked.environment, catalogue()).document(),
    }
    # JSON is YAML.
    inventory = json.dumps({"all": {"hosts": {"guest": variables}}}, indent=2)
    (directory / "inventory.yml").write_text(inventory, encoding="utf-8")


def destroy(directory: Path) -> None:
    """Delete the guest and what was written for it."""
    guests.delete(NAME)
    for name in ("key", "key.pub", "known_hosts", "inventory.yml"):
        (directory / name).unlink(missing_ok=True)


if __name__ == "__main__":
    {"create": create, "destroy": destroy}[sys.argv[1]](Path(sys.argv[2]))
