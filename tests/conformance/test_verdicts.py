# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the reference deployer says of env files, against what this one says.

The cases lie in a directory ``conformance`` beside the checkout (``../shared/conformance``), or where
``TORRUST_CONFORMANCE`` says; without them these tests are skipped.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import Checked, check
from ansible_collections.torrust.deployer.plugins.plugin_utils._problems import errors

_ROOT = Path(__file__).resolve().parents[2]
_PLACE = Path(os.environ.get("TORRUST_CONFORMANCE") or _ROOT.parent / "shared" / "conformance")

# Refused by the reference and accepted here, with the reason.
ACCEPTED_HERE = {
    "inst-ok-name-45": "the reference crashes on a long name even with an instance name of its own; this is legal here",
    "health-missing": "the health check API has its default address here",
}

# Accepted by the reference and refused or warned of here, with the reason.
STRICTER_HERE = {
    "token-empty": "an empty token opens the API to nobody or everybody; left out, one is generated",
    "same-port-v4-v6": "[::] serves IPv4 too, so both cannot be had",
    "http-9090-vs-prometheus": "Prometheus listens there (and cannot be deployed yet)",
    "http-22": "SSH listens there",
    "tls-127.0.0.2": "the proxy cannot reach any loopback address (and HTTPS cannot be deployed yet)",
    "health-only-tls": "HTTPS cannot be deployed yet",
    "dup-domains": "one name can stand for one site only (and HTTPS cannot be deployed yet)",
    "domain-underscore": "no host name of the internet has an underscore",
    "domain-brace": "it would break the proxy's configuration",
    "sqlite-path": "the database's name is a file name, not a path",
    "mysql-empty-password": "an empty password is none (and MySQL cannot be deployed yet)",
    "mysql-external-host": "MySQL cannot be deployed yet",
    "grafana-empty-pw": "an empty password is none (and Grafana cannot be deployed yet)",
    "cron-range": "backups cannot be deployed yet",
    "cron-leading-space": "backups cannot be deployed yet",
    "ret-10000": "backups are kept ten years at most (and cannot be deployed yet)",
    "unknown-key": "a key that is not read is a mistake: here it would mean no HTTPS",
}

# Sections that the reference deploys and this release does not yet.
_NOT_YET = "not-yet"


def _read(name: str) -> Any:
    path = _PLACE / name
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


_VERDICTS = _read("verdicts.json")
_CASES: list[dict[str, Any]] = _VERDICTS["cases"] if _VERDICTS else []
_EXAMPLES = sorted((_PLACE / "environments").glob("*.json"))

pytestmark = pytest.mark.skipif(
    not _CASES, reason=f"no conformance cases in {_PLACE} (TORRUST_CONFORMANCE names another)"
)


def _changed(base: Any, changes: dict[str, Any]) -> Any:
    data = copy.deepcopy(base)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = data
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        if isinstance(place, list):
            place[int(last) : int(last) + 1] = [value]
        elif value == "__del__":
            place.pop(last, None)
        else:
            place[last] = value
    return data


def _check(data: Any) -> Checked:
    return check(data, _PLACE)


@pytest.mark.parametrize("case", _CASES, ids=[case["id"] for case in _CASES])
def test_a_verdict_of_the_reference(case: dict[str, Any]) -> None:
    checked = _check(_changed(_read(_VERDICTS["base"]), case["set"]))
    refused = bool(errors(checked.problems))
    found = [problem.text() for problem in checked.problems]
    if case["create"] == "ACCEPT":
        assert refused == (case["id"] in STRICTER_HERE), found
    else:
        assert refused != (case["id"] in ACCEPTED_HERE), found


def test_every_difference_is_a_case_and_has_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    known = {case["id"] for case in _CASES}
    differences = {**ACCEPTED_HERE, **STRICTER_HERE}
    assert set(differences) <= known
    with capsys.disabled():
        for identity, reason in differences.items():
            print(f"\n  {identity}: {reason}", end="")


@pytest.mark.parametrize("path", _EXAMPLES, ids=[path.stem for path in _EXAMPLES])
def test_an_example_of_the_reference(path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    refusing = errors(_check(data).problems)
    others = [problem for problem in refusing if problem.code != _NOT_YET]
    if "caddy" not in data:
        assert others == []
        return
    (problem,) = others
    assert (problem.code, problem.path) == ("unknown-key", ("caddy",))
    assert "https" in problem.fix


def test_there_are_fifteen_examples_six_of_them_with_an_ignored_key() -> None:
    with_caddy = [path for path in _EXAMPLES if "caddy" in json.loads(path.read_text(encoding="utf-8"))]
    assert (len(_EXAMPLES), len(with_caddy)) == (15, 6)
