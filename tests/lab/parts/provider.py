# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for the provider terraform-lxd/lxd, where OpenTofu looks for it."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from .. import _paths
from .._part import Artifact
from .._process import LabError, Log, output
from .opentofu import OpenTofu
from .provider_python import ProviderPython

SOURCE = "terraform-lxd/lxd"
# The real version whose schema it follows; what comes after the plus sign appears in `tofu init`.
VERSION = "3.0.2+lab.standin"
_CODE = _paths.HERE / "provider"
# Its checksum goes into the lock file of every workspace, so it is the same for each version of the code.
_WRAPPER = """#!/bin/sh
# Written by tests/lab. OpenTofu starts this in place of the real provider.
exec "$(dirname "$(readlink -f "$0")")/../../../../../../start"
"""
_START = """#!/bin/sh
# A home of its own: the library keeps a certificate there, and the caller's may not be writable.
export HOME='{home}' PYTHONDONTWRITEBYTECODE=1
exec '{python}' '{main}'
"""
_SETTINGS = """# Written by tests/lab: providers come from here and nowhere else.
disable_checkpoint = true
provider_installation {{
  filesystem_mirror {{
    path = "{mirror}"
  }}
}}
"""


class Provider(Artifact):
    """Provider's code, a mirror directory with the wrapper that starts it, and OpenTofu's settings that point there."""

    name = "provider"
    needs = ("opentofu", "provider-python")
    stand_in = "OpenTofu's provider terraform-lxd/lxd is the lab's own (Python), not the published one"
    takes = "2 s"

    def recipe(self) -> Iterable[str | bytes | Path]:
        """Return the code, and what it is started with and by."""
        return (_CODE, _WRAPPER, _START, _SETTINGS, VERSION, ProviderPython().hash, OpenTofu().hash)

    @property
    def settings(self) -> Path:
        """OpenTofu's settings file."""
        return self.directory / "tofurc"

    def make(self, target: Path, work: Path, log: Log) -> None:
        """Copy the code and lay out the mirror."""
        final = self.directory
        shutil.copytree(_CODE, target / "code", ignore=shutil.ignore_patterns("__pycache__"))
        (target / "home").mkdir()
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        place = target / "mirror" / self._address(work) / VERSION / f"linux_{machine}"
        place.mkdir(parents=True)
        # Nothing but the wrapper may lie in the mirror: the checksum is that of the directory.
        python = ProviderPython().directory / "bin" / "python"
        self._script(place / f"terraform-provider-lxd_v{VERSION}", _WRAPPER)
        self._script(
            target / "start", _START.format(home=final / "home", python=python, main=final / "code" / "main.py")
        )
        (target / "tofurc").write_text(_SETTINGS.format(mirror=final / "mirror"))

    @staticmethod
    def _script(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    @staticmethod
    def _address(work: Path) -> str:
        """Ask OpenTofu for the provider's full address: which host a short one means is the program's own choice."""
        document = {"terraform": {"required_providers": {"lxd": {"source": SOURCE}}}}
        (work / "main.tf.json").write_text(json.dumps(document))
        tofu = OpenTofu().directory / "tofu"
        said = output([tofu, f"-chdir={work}", "providers"], env={"TF_CLI_CONFIG_FILE": os.devnull})
        found = re.search(rf"provider\[(\S+/{SOURCE})\]", said)
        if found is None:
            raise LabError(f"`tofu providers` names no provider {SOURCE}: {said.strip()}")
        return found[1]
