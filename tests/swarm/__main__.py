# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command: shares one file through each of the trackers."""

from __future__ import annotations

import argparse
import sys

from . import SwarmError, share


def main() -> int:
    """Return 0 when the file was shared through every tracker, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.swarm", description="Share a file between two clients, found only through a tracker."
    )
    parser.add_argument("urls", nargs="+", metavar="URL", help="udp://HOST:PORT or http://HOST:PORT/announce")
    parser.add_argument("--timeout", type=float, default=60, metavar="SECONDS", help="for each tracker (60)")
    options = parser.parse_args()
    failed = 0
    for url in options.urls:
        try:
            print(f"shared  {share(url, timeout=options.timeout).text()}", flush=True)
        except SwarmError as error:
            failed += 1
            print(f"FAILED  {url}: {error}", flush=True)
    print(f"{len(options.urls) - failed} of {len(options.urls)} trackers shared the file", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
