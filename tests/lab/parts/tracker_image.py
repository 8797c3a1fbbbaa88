# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image ``torrust/tracker:3.0.0``: real programs on a base made from packages, shipped as an archive."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from .. import _paths
from .._part import Artifact
from .._process import Log, output
from .guest import SUITE
from .tracker import VERSION, Tracker

REFERENCE = f"torrust/tracker:{VERSION}"
_RECIPE = _paths.HERE / "recipes" / "tracker"
# libgcc, OpenSSL and zlib: what the programs are linked to. The rest: what the published image's debug base offers.
_INCLUDE = (
    *("libc6", "libgcc-s1", "libssl3t64", "zlib1g"),
    *("base-files", "busybox", "ca-certificates", "gosu", "netbase", "tzdata"),
)
_APPLETS = ("sh", "cat", "ls", "env", "wget", "mkdir", "chown", "chmod", "install", "id", "stat", "kill")
# No maintainer script runs, so what they would have made is made here.
_FINISH = f"""
set -e
for applet in {" ".join(_APPLETS)}; do ln -sf busybox "$1/usr/bin/$applet"; done
cat "$1"/usr/share/ca-certificates/mozilla/*.crt > "$1/etc/ssl/certs/ca-certificates.crt"
echo root:x:0:0:root:/root:/bin/sh > "$1/etc/passwd"
echo root:x:0: > "$1/etc/group"
mkdir -p "$1/var/lib/torrust/tracker" "$1/var/log/torrust/tracker" "$1/etc/torrust/tracker"
rm -rf "$1/usr/share/doc" "$1/usr/share/man" "$1/usr/share/locale"
"""


class TrackerImage(Artifact):
    """``tracker-<version>.tar.zst`` (``docker load`` takes it once unpacked) and ``index.json``."""

    name = "tracker-image"
    needs = ("packages", "tracker", "dockerd")
    stand_in = (
        f"the image {REFERENCE} is the lab's: the tracker's programs in it are real, base and entry script are not"
    )
    takes = "20 s"

    def recipe(self) -> Iterable[str | bytes | Path]:
        """Return the programs' hash, the base and the Dockerfile with its script."""
        return (Tracker().hash, SUITE, *_INCLUDE, _FINISH, _RECIPE)

    def make(self, target: Path, work: Path, log: Log) -> None:
        """Make the base, build the image, save it."""
        context = work / "context"
        shutil.rmtree(context, ignore_errors=True)
        programs = Tracker().directory
        for name in ("torrust-tracker", "http_health_check"):
            self._place(programs / "bin" / name, context / "usr" / "bin" / name, 0o755)
        for path in programs.joinpath("config").iterdir():
            self._place(path, context / "usr" / "share" / "torrust" / "default" / "config" / path.name, 0o644)
        self._place(_RECIPE / "entry.sh", context / "usr" / "local" / "bin" / "entry.sh", 0o555)
        shutil.copy(_RECIPE / "Dockerfile", context)
        # The variant `extract` ends before the customize hooks.
        options = ["--variant=extract", f"--include={','.join(_INCLUDE)}", f"--extract-hook={_FINISH}"]
        log.run(["mmdebstrap", *options, SUITE, context / "rootfs.tar"])
        docker = {"DOCKER_HOST": f"unix://{_paths.DOCKER_SOCKET}", "DOCKER_BUILDKIT": "0", "DOCKER_CONFIG": str(work)}
        build = ["docker", "build", "--network", "none", "--build-arg", f"VERSION={VERSION}", "--tag", REFERENCE]
        log.run([*build, context], env=docker)
        image = json.loads(output(["docker", "image", "inspect", REFERENCE], env=docker))[0]
        log.run(["docker", "save", "--output", work / "image.tar", REFERENCE], env=docker)
        archive = f"tracker-{VERSION}.tar.zst"
        log.run(["zstd", "--quiet", "-3", "--threads=0", "--force", work / "image.tar", "-o", target / archive])
        # `docker save` leaves a file that only its owner may read.
        (target / archive).chmod(0o644)
        entry = {"archive": archive, "image_id": image["Id"], "labels": image["Config"]["Labels"]}
        (target / "index.json").write_text(json.dumps({REFERENCE: entry}, indent=2) + "\n")

    @staticmethod
    def _place(source: Path, target: Path, mode: int) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        target.chmod(mode)
