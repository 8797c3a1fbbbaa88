# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Artifacts: the same bytes every time, one hash for each service, secrets in one file only."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.torrust.deployer.plugins.plugin_utils import _artifacts
from ansible_collections.torrust.deployer.plugins.plugin_utils._artifacts import Artifact, ReleaseTree
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import check
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import Plan, make_plan

from .env_files import env_file

TOKEN = "tracker.http_api.admin_token"
SECRETS = {TOKEN: "a-secret-token-of-the-api"}


def plan_of(**changes: Any) -> Plan:
    environment = check(env_file(**changes), Path("/env")).environment
    assert environment is not None
    return make_plan(environment, catalogue())


def tree_of(secrets: dict[str, str] | None = None, images: dict[str, str] | None = None, **changes: Any) -> ReleaseTree:
    return _artifacts.release_tree(plan_of(**changes), secrets or SECRETS, images or {})


def file_of(tree: ReleaseTree, name: str) -> Artifact:
    return next(file for file in tree.files if file.path.endswith("/" + name))


def compose_of(tree: ReleaseTree) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(file_of(tree, "docker-compose.yml").content)
    return loaded


_PRINT_HASH = """
import hashlib, json, sys
from ansible_collections.torrust.deployer.plugins.plugin_utils import _artifacts
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import check
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import make_plan
from pathlib import Path
environment = check(json.loads(sys.argv[1]), Path("/env")).environment
tree = _artifacts.release_tree(make_plan(environment, catalogue()), json.loads(sys.argv[2]), {})
print(tree.digest, hashlib.sha256(_artifacts.archive(tree)).hexdigest())
"""


def test_the_bytes_depend_on_nothing_but_the_input(tmp_path: Path) -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", _PRINT_HASH, json.dumps(env_file()), json.dumps(SECRETS)],
            cwd=directory,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        for directory, seed, zone, locale in (
            (tmp_path, "0", "UTC", "C"),
            ("/", "1", "Asia/Kathmandu", "C.UTF-8"),
            (tmp_path, "4711", "America/St_Johns", "POSIX"),
        )
    }
    assert len(printed) == 1
    assert printed.pop().startswith(tree_of().digest + " ")


def test_a_changed_configuration_moves_its_services_mount_and_the_release() -> None:
    one, other = tree_of(), tree_of(tracker__core__private=True)
    assert one.digest != other.digest
    assert one.services["tracker"] != other.services["tracker"]
    for tree in (one, other):
        mount = compose_of(tree)["services"]["tracker"]["volumes"][0]
        assert mount == f"/opt/torrust/config/tracker/{tree.services['tracker']}:/etc/torrust/tracker:ro"


def test_what_is_no_configuration_of_a_service_leaves_its_hash() -> None:
    one, other = tree_of(), tree_of(tracker__http_api__bind_address="0.0.0.0:1212")
    moved = tree_of(images={"tracker": "torrust/tracker@sha256:" + "1" * 64})
    assert moved.services == one.services
    assert moved.digest != one.digest
    # The API is published on another address of the host; inside its container nothing changes.
    assert other.services == one.services
    assert compose_of(other)["services"]["tracker"]["ports"] != compose_of(one)["services"]["tracker"]["ports"]


def test_a_secret_stands_in_the_env_file_only_and_moves_nothing_else() -> None:
    one, other = tree_of({TOKEN: "first-secret-value"}), tree_of({TOKEN: "second-secret-value"})
    assert one.services == other.services
    for tree, secret in ((one, b"first-secret-value"), (other, b"second-secret-value")):
        holders = [file.path for file in tree.files if secret in file.content]
        assert holders == [f"releases/{tree.digest}/.env"]
    same = [(a.path.split("/")[-1], a.content == b.content) for a, b in zip(one.files, other.files, strict=True)]
    assert [name for name, equal in same if not equal] == [".env", "manifest.json"]


@pytest.mark.parametrize(
    "secret", ["it's $HOME", '"; rm -rf /', "${TOKEN:-x}", "a\\", "# no comment", " spaces ", "é😀"]
)
def test_a_hostile_secret_is_one_value_on_one_line(secret: str) -> None:
    lines = file_of(tree_of({TOKEN: secret}), ".env").content.decode().split("\n")
    values = [line for line in lines if "ACCESS_TOKENS__ADMIN" in line]
    assert len(values) == 1
    quoted = values[0].partition("=")[2]
    assert quoted[0] == quoted[-1]
    assert quoted[0] in "'\""


@pytest.mark.parametrize("secret", ["two\nlines", "two\rlines", "nul\0"])
def test_a_secret_that_no_env_file_can_hold_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(DeployerError) as caught:
        tree_of({TOKEN: secret})
    assert caught.value.code == "bad-secret"
    assert TOKEN in caught.value.text()
    assert secret not in caught.value.text()


def test_modes_and_owners() -> None:
    tree = tree_of()
    for file in tree.files:
        if file.path.startswith("releases/"):
            assert (file.mode, file.uid, file.gid) == (0o600, 0, 0)
        else:
            assert (file.uid, file.gid) == (6969, 6969)
            assert not file.mode & 0o022


def test_the_archive_holds_the_tree() -> None:
    tree = tree_of()
    with tarfile.open(fileobj=io.BytesIO(_artifacts.archive(tree))) as tar:
        found = [(m.name, m.mode, m.uid, m.gid, tar.extractfile(m).read(), m.mtime) for m in tar]  # type: ignore[union-attr]
    assert found == [(file.path, file.mode, file.uid, file.gid, file.content, 0) for file in tree.files]
    assert found[-1][0] == f"releases/{tree.digest}/manifest.json"


def test_the_manifest_lists_every_other_file() -> None:
    tree = tree_of()
    manifest = json.loads(file_of(tree, "manifest.json").content)
    assert set(manifest["files"]) == {file.path for file in tree.files[:-1]}
    assert (manifest["digest"], manifest["services"]) == (tree.digest, tree.services)


def test_every_file_says_what_it_is_and_where_that_is_described() -> None:
    for file in tree_of().files[:-1]:
        head = "\n".join(file.content.decode().splitlines()[:6])
        assert "Moved by:" in head, file.path
        assert "Documentation:" in head, file.path


@pytest.mark.parametrize(
    ("bind", "ports"),
    [
        ("0.0.0.0:6969", ["0.0.0.0:6969:6969/udp"]),
        ("[::]:6969", ["0.0.0.0:6969:6969/udp", "[::]:6969:16969/udp"]),
        ("10.0.0.1:6969", ["10.0.0.1:6969:6969/udp"]),
        ("[fd00::1]:6969", ["[fd00::1]:6969:6969/udp"]),
    ],
)
def test_ports_as_compose_reads_them(bind: str, ports: list[str]) -> None:
    published = compose_of(tree_of(tracker__udp_trackers__0__bind_address=bind))["services"]["tracker"]["ports"]
    assert [port for port in published if port.endswith("/udp")] == ports
    assert "127.0.0.1:1212:1212/tcp" in published
    assert not [port for port in published if "1313" in port]


def test_the_compose_file_runs_the_tracker_as_its_own_user_and_refers_to_the_secret() -> None:
    document = compose_of(tree_of(images={"tracker": "torrust/tracker@sha256:" + "1" * 64}))
    tracker = document["services"]["tracker"]
    assert tracker["image"] == "torrust/tracker@sha256:" + "1" * 64
    assert (tracker["user"], tracker["stop_signal"], tracker["pull_policy"]) == ("6969:6969", "SIGINT", "missing")
    assert tracker["entrypoint"] == ["/usr/bin/torrust-tracker"]
    assert tracker["read_only"] is True
    name = "TORRUST_TRACKER_CONFIG_OVERRIDE_HTTP_API__ACCESS_TOKENS__ADMIN"
    assert tracker["environment"][name] == "${" + name + "}"
    assert tracker["healthcheck"]["test"][-1] == "http://127.0.0.1:1313/health_check"
    assert document["networks"]["torrust"]["enable_ipv6"] is True


def test_images_of_an_archive_are_never_pulled(tmp_path: Path) -> None:
    tracker = compose_of(tree_of(images__archive=str(tmp_path)))["services"]["tracker"]
    assert tracker["pull_policy"] == "never"


def test_the_trackers_configuration_is_what_the_env_file_says() -> None:
    tree = tree_of(tracker__udp_trackers__0__bind_address="[::]:6969", tracker__core__private=True)
    config = tomllib.loads(next(f for f in tree.files if f.path.endswith(".toml")).content.decode())
    assert [udp["bind_address"] for udp in config["udp_trackers"]] == ["0.0.0.0:6969", "[::]:16969"]
    assert config["core"]["private"] is True
    assert "access_tokens" not in config["http_api"]


def test_the_rendered_tree_has_a_directory_for_each_tool() -> None:
    plan = plan_of()
    inventory = _artifacts.inventory(plan, "fd00::2", "/keys/it's mine")
    files = _artifacts.render_all(plan, SECRETS, {}, [Artifact("tofu/main.tf", b"", 0o600)], inventory)
    paths = [file.path for file in files]
    assert paths == sorted(paths)
    assert {path.split("/")[0] for path in paths} == {"ansible", "docker-compose", "tofu", "tracker"}
    host = yaml.safe_load(inventory.content)["torrust_instance"]["hosts"]["demo"]
    assert (host["ansible_host"], host["ansible_ssh_private_key_file"]) == ("fd00::2", "/keys/it's mine")
