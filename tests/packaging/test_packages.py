# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two packages, built and installed as a user does: the wheel by pip, the collection by ansible-galaxy.

Building and installing takes seconds, so each package is made once for all tests of this file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

# What a package may hold at its top: the rest of the repository serves the making of it.
COLLECTION_TOP = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "catalogue",
    "changelogs",
    "docs",
    "examples",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "requirements.yml",
    "roles",
    "schema",
}
WHEEL_TOP = COLLECTION_TOP - {"FILES.json", "MANIFEST.json", "changelogs", "docs"} | {"galaxy.yml"}


def run(command: Sequence[str | Path], **environment: str) -> str:
    """Run a command far from the repository and return what it printed on standard output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    done = subprocess.run(
        command,
        cwd="/",
        env=inherited | environment,
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tracked(*directories: str) -> set[str]:
    """Return the paths of the files in these directories that git knows and that exist."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *directories], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE
    ).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the build tools that are installed here."""
    directory = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", directory, ROOT])
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a new venv that has the wheel, and its dependencies from the venv of this test.

    Those are seen by a .pth file, which comes after the new venv's own packages; the repository's link to the
    collection lies there too, so each test makes sure that it looks at the wheel.
    """
    root = tmp_path_factory.mktemp("venv")
    venv.create(root, symlinks=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(root), "platbase": str(root)}))
    run([sys.executable, "-m", "pip", f"--python={root}/bin/python", "install", "--quiet", "--no-deps", wheel])
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return root


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection's archive."""
    directory = tmp_path_factory.mktemp("archive")
    run([BIN / "ansible-galaxy", "collection", "build", "--output-path", directory, ROOT])
    (built,) = directory.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def galaxy_home(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path that has the archive installed."""
    directory = tmp_path_factory.mktemp("collections")
    # Forced, because the repository itself counts as an installed collection of this version.
    run([BIN / "ansible-galaxy", "collection", "install", "--force", "--no-deps", "-p", directory, archive])
    return directory


def documented_names() -> list[str]:
    """Return the full names of the modules that the repository has."""
    return [f"torrust.deployer.{path.stem}" for path in sorted(ROOT.glob("plugins/modules/*.py"))]


def test_wheel_holds_the_collection_and_nothing_unneeded(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = [PurePosixPath(name) for name in opened.namelist()]
    assert {name.parts[0] for name in names} - {"torrust_tracker_deployer-0.1.0.dist-info"} <= {
        "ansible_collections",
        "torrust_tracker_deployer",
    }
    prefix = PurePosixPath("ansible_collections/torrust/deployer")
    inside = {str(name.relative_to(prefix)) for name in names if name.is_relative_to(prefix)}
    assert {name.split("/")[0] for name in inside} <= WHEEL_TOP
    wanted = tracked("catalogue", "examples", "inventories", "meta", "playbooks", "plugins", "roles", "schema")
    assert wanted <= inside
    assert not [name for name in inside if "__pycache__" in name]


def test_wheel_command_answers(installed: Path) -> None:
    printed = run([installed / "bin/torrust-tracker-deployer", "--help"])
    assert "deploy" in printed
    where = run([installed / "bin/python", "-c", "import torrust_tracker_deployer as t; print(t.__file__)"])
    assert where.startswith(str(installed))


def test_wheel_collection_is_found_by_ansible(installed: Path) -> None:
    ansible = (installed / "bin/python", "-m", "ansible")
    listed = json.loads(run([*ansible, "galaxy", "collection", "list", "--format", "json", "torrust.deployer"]))
    versions = {path: found["torrust.deployer"]["version"] for path, found in listed.items()}
    assert any(path.startswith(str(installed)) for path in versions)
    assert set(versions.values()) == {yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]}
    if names := documented_names():
        documented = json.loads(run([*ansible, "doc", "--json", *names]))
        assert set(documented) == set(names)
        assert all(entry["doc"]["filename"].startswith(str(installed)) for entry in documented.values())


def test_wheel_core_is_imported_without_ansible(installed: Path) -> None:
    code = (
        "import sys, ansible_collections.torrust.deployer.plugins.plugin_utils._environment as e; "
        "print(e.__file__); print(sorted(n for n in sys.modules if n == 'ansible' or n.startswith('ansible.')))"
    )
    where, modules = run([installed / "bin/python", "-c", code]).splitlines()
    assert where.startswith(str(installed))
    assert modules == "[]"


def test_archive_holds_the_collection_and_nothing_unneeded(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        names = {name.removeprefix("./") for name in opened.getnames()}
    assert {name.split("/")[0] for name in names if name} <= COLLECTION_TOP
    wanted = tracked("catalogue", "examples", "inventories", "meta", "playbooks", "plugins", "roles", "schema")
    assert wanted <= names


def test_archive_installs_and_is_found_by_ansible(galaxy_home: Path) -> None:
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(galaxy_home)}
    listed = json.loads(
        run([BIN / "ansible-galaxy", "collection", "list", "--format", "json", "torrust.deployer"], **environment)
    )
    assert str(galaxy_home / "ansible_collections") in listed
    if names := documented_names():
        documented = json.loads(run([BIN / "ansible-doc", "--json", *names], **environment))
        assert set(documented) == set(names)
        assert all(entry["doc"]["filename"].startswith(str(galaxy_home)) for entry in documented.values())


def test_requirements_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = {line for line in lines if line and not line.startswith("#")}
    # Ansible itself, and what every Ansible brings, need not be asked for beside it.
    brought = re.compile(r"(ansible|Jinja2|PyYAML)\b")
    assert wanted == {line for line in project["dependencies"] if not brought.match(line)}

    required = yaml.safe_load((ROOT / "requirements.yml").read_text())["collections"]
    assert {entry["name"]: entry["version"] for entry in required} == yaml.safe_load((ROOT / "galaxy.yml").read_text())[
        "dependencies"
    ]
