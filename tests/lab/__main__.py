# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``lab``."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from . import environment
from ._driver import closure, down, up
from ._lxd import guests
from ._process import LabError, stop_all
from .parts import ALL


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _up(names: Sequence[str]) -> None:
    if not up(closure(ALL, names), _say):
        _say("the lab is already up")
        return
    _say("the lab is up")
    for part in ALL:
        if part.stand_in and part.is_up():
            _say(f"  not real: {part.stand_in}")


def _status(as_json: bool) -> bool:
    rows = [
        {
            "part": part.name,
            "up": part.is_up(),
            "detail": part.detail(),
            "stand_in": part.stand_in or None,
            "needs": list(part.needs),
        }
        for part in ALL
    ]
    up = all(bool(row["up"]) for row in rows)
    if as_json:
        print(json.dumps({"up": up, "parts": rows, "guests": guests()}, indent=2))
        return up
    for row in rows:
        print(f"{row['part']:<16} {'up' if row['up'] else 'down':<5} {row['detail'] if row['up'] else ''}".rstrip())
        if row["up"] and row["stand_in"]:
            print(f"{'':<22} not real: {row['stand_in']}")
    print(f"{'guests':<16} {', '.join(guests()) or 'none'}")
    return up


def _env() -> None:
    for name, value in environment().items():
        print(f"export {name}={shlex.quote(value)}")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, 1 (a part fails, or `status` finds one down), 2 (wrong words), 130 (interrupted)."""
    parser = argparse.ArgumentParser(
        prog="lab", description="OpenTofu, LXD, Docker, images and guests on this machine."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("up", help="bring up the lab, or some parts and what they need")
    verb.add_argument("part", nargs="*", help=", ".join(part.name for part in ALL))
    verbs.add_parser("down", help="delete the lab's guests, images and network, end its daemons; the cache stays")
    verb = verbs.add_parser("status", help="tell what is up; exit code 1 when not all is")
    verb.add_argument("--json", action="store_true")
    verbs.add_parser("env", help='print what a shell needs: eval "$(tests/lab/lab env)"')
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if chosen.verb == "up":
            _up(chosen.part)
        elif chosen.verb == "down":
            down(ALL, _say)
            _say("the lab is down; its cache stays")
        elif chosen.verb == "status":
            return 0 if _status(chosen.json) else 1
        else:
            _env()
    except LabError as error:
        for line in error.tail():
            _say(f"  | {line}")
        _say(f"lab: {error}")
        if error.log is not None:
            _say(f"lab: the whole log is {error.log}")
        return 1
    except KeyboardInterrupt:
        stop_all()
        _say("lab: interrupted; the next `lab up` goes on from here")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
