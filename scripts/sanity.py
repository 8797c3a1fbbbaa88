# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs `ansible-test sanity` on this repository without containers and without its download of a pip bootstrap.

Usage: python scripts/sanity.py [argument of ansible-test sanity ...]

ansible-test wants three things that a checkout does not give it:

- a path that ends in `ansible_collections/torrust/deployer`: the files that git knows (and new ones that it does not
  ignore) are copied to a temporary tree of that shape;
- every Python that the collection supports on PATH: those under ~/.pyenv/versions are put there by their real
  directories, because a pyenv shim exists for versions that it then refuses to run. Versions that are not installed
  are named and left out;
- a pip bootstrap from its own download site, which many networks cannot reach: one that calls Python's `ensurepip` and
  then has pip install the very versions that were asked for.

ansible-test keeps its environments under $HOME and forgets PIP_* variables, so it gets a home of its own below the
user's cache directory, with pip's effective settings in it. The first run takes some minutes, later ones reuse it.
"""

from __future__ import annotations

import ast
import configparser
import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import SimpleNamespace

from ansible_test._util.target.common.constants import CONTROLLER_PYTHON_VERSIONS, REMOTE_ONLY_PYTHON_VERSIONS

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torrust-deployer-sanity"

# ensurepip runs in a process of its own, because it hides pip's configuration from the one that it runs in.
BOOTSTRAP = """\
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet"] + wanted))
"""


def copy_tree(destination: Path) -> None:
    """Copy what belongs to the repository, as it is in the work tree now, to `destination`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        source = ROOT / name
        if not os.path.lexists(source):
            continue  # Deleted, but not yet committed as such.
        target = destination / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


def link_dependencies(collections: Path) -> None:
    """Let the collections that ours builds on be found beside it."""
    installed = Path(sysconfig.get_path("purelib")) / "ansible_collections"
    for namespace in ("ansible", "community"):
        if (installed / namespace).is_dir():
            (collections / namespace).symlink_to(installed / namespace)


def write_home(home: Path) -> None:
    """Give ansible-test a home with a pip bootstrap and with the settings that pip has outside."""
    from ansible_test._internal.python_requirements import get_venv_packages

    for version in CONTROLLER_PYTHON_VERSIONS + REMOTE_ONLY_PYTHON_VERSIONS:
        pip_version = get_venv_packages(SimpleNamespace(version=version))["pip"]
        bootstrap = home / ".ansible/test/cache" / f"get_pip_{pip_version.replace('.', '_')}.py"
        bootstrap.parent.mkdir(parents=True, exist_ok=True)
        bootstrap.write_text(BOOTSTRAP)

    pip_settings = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, text=True, stdout=subprocess.PIPE
    ).stdout
    lines = []
    for line in pip_settings.splitlines():
        name, value = line.split("=", 1)
        # "global.cert", "install.no-binary" or, from a variable, ":env:.cert"; variables come first and count most.
        section, option = name.rsplit(".", 1)
        lines.append((section.replace(":env:", "global"), option, ast.literal_eval(value)))
    config = configparser.RawConfigParser()
    config.read_dict({"global": {"quiet": "1"}})
    for section, option, value in reversed(lines):
        if not config.has_section(section):
            config.add_section(section)
        config.set(section, option, value)
    pip_file = home / ".config/pip/pip.conf"
    pip_file.parent.mkdir(parents=True, exist_ok=True)
    with pip_file.open("w") as stream:
        config.write(stream)


def python_directories() -> tuple[list[str], list[str]]:
    """Return the directories of the usable Pythons, and the versions that are not installed."""
    directories = []
    missing = []
    for version in REMOTE_ONLY_PYTHON_VERSIONS + CONTROLLER_PYTHON_VERSIONS:
        candidates = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"), reverse=True)
        on_path = shutil.which(f"python{version}")
        for candidate in [*candidates, *([Path(on_path)] if on_path else [])]:
            # The directory is what counts: PATH is searched for pythonX.Y, whatever else lies beside it.
            if (
                subprocess.run([candidate, "-c", "import ensurepip, venv"], check=False, capture_output=True).returncode
                == 0
            ):
                directories.append(str(candidate.parent))
                break
        else:
            missing.append(version)
    return directories, missing


def main() -> int:
    """Run ansible-test and return its exit code."""
    directories, missing = python_directories()
    if missing:
        print(f"sanity: not run for Python {', '.join(missing)}: not installed here", flush=True)

    home = CACHE / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    environment["HOME"] = str(home)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), *directories, os.environ["PATH"]])

    with (CACHE / "lock").open("w") as lock, tempfile.TemporaryDirectory(prefix="sanity-") as scratch:
        # Two runs at once would build the same environments over each other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_home(home)
        collections = Path(scratch) / "ansible_collections"
        tree = collections / "torrust/deployer"
        copy_tree(tree)
        link_dependencies(collections)
        command = [str(Path(sys.executable).with_name("ansible-test")), "sanity", "--color", "no", *sys.argv[1:]]
        return subprocess.run(command, cwd=tree, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
