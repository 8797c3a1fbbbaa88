# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one validator: every problem in one pass, each with its place and a fix; no secret in any of them."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import (
    Checked,
    check,
    default_instance_name,
    from_document,
)
from ansible_collections.torrust.deployer.plugins.plugin_utils._problems import Problem, errors, format_path
from ansible_collections.torrust.deployer.plugins.plugin_utils._schema import schema

from .env_files import REMOVED, env_file, put

_BASE = Path("/env")


def _errors(data: Any) -> list[tuple[str, str]]:
    return [(problem.code, format_path(problem.path)) for problem in errors(check(data, _BASE).problems)]


def _warnings(data: Any) -> set[str]:
    checked = check(data, _BASE)
    assert checked.environment is not None
    return {problem.code for problem in checked.problems}


def _all_text(checked: Checked) -> str:
    documents = [problem.document() for problem in checked.problems]
    return "\n".join([*(problem.text() for problem in checked.problems), json.dumps(documents, ensure_ascii=False)])


def test_a_minimal_file_is_valid_and_filled_with_defaults() -> None:
    environment = check(env_file(tracker__health_check_api=REMOVED), _BASE).environment
    assert environment is not None
    assert (environment.ssh.username, environment.ssh.port) == ("torrust", 22)
    assert environment.instance_name == "torrust-tracker-vm-demo" == default_instance_name("demo")
    assert str(environment.tracker.health_check_api.bind) == "127.0.0.1:1313"
    assert (environment.tracker.announce_interval, environment.tracker.listed) == (300, False)


def test_null_means_absent() -> None:
    with_null = env_file(environment__instance_name=None, prometheus=None, tracker__http_api__domain=None)
    assert check(with_null, _BASE).environment == check(env_file(), _BASE).environment


def test_the_document_says_the_same_environment() -> None:
    environment = check(env_file(tracker__http_api__admin_token="x" * 20), _BASE).environment
    assert environment is not None
    assert from_document(json.loads(json.dumps(environment.document))) == environment


def test_three_mistakes_are_three_problems_in_the_order_of_the_file() -> None:
    data = env_file(
        environment__name="My_Tracker",
        provider__provider="lxc",
        tracker__udp_trackers__0__bind_address="localhost:6969",
    )
    assert _errors(data) == [
        ("bad-value", "environment.name"),
        ("bad-value", "provider.provider"),
        ("bad-bind-address", "tracker.udp_trackers[0].bind_address"),
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"environment__name": "a" * 64}, [("bad-value", "environment.name")]),
        ({"environment__name": "demo\n"}, [("bad-value", "environment.name")]),
        ({"environment__name": "a" * 45}, [("instance-name-too-long", "environment.name")]),
        ({"environment__name": "a" * 45, "environment__instance_name": "vm"}, []),
        ({"environment__name": REMOVED}, [("missing-key", "environment.name")]),
        ({"environment__nam": "x"}, [("unknown-key", "environment.nam")]),
        ({"ssh_credentials__private_key_path": "~/.ssh/id"}, [("bad-value", "ssh_credentials.private_key_path")]),
        ({"ssh_credentials__username": "torrust\n"}, [("bad-value", "ssh_credentials.username")]),
        ({"ssh_credentials__port": 22.0}, [("bad-type", "ssh_credentials.port")]),
        ({"ssh_credentials__port": True}, [("bad-type", "ssh_credentials.port")]),
        ({"ssh_credentials__port": 0}, [("bad-value", "ssh_credentials.port")]),
        ({"ssh_credentials__port": 7070}, [("port-clash", "tracker.http_trackers[0].bind_address")]),
        ({"environment__description": datetime.date(2026, 1, 1)}, [("bad-type", "environment.description")]),
        ({"provider": {"provider": "existing", "address": "1.2.3.4:22"}}, [("bad-address", "provider.address")]),
        ({"provider": {"provider": "existing", "address": "2001:db8::7"}}, []),
        ({"provider": {"provider": "existing"}}, []),
        ({"provider": {"provider": "existing", "profile_name": "x"}}, [("unknown-key", "provider.profile_name")]),
        ({"tracker__core__private": "no"}, [("bad-type", "tracker.core.private")]),
        ({"tracker__release": "9.9.9"}, [("unknown-release", "tracker.release")]),
        (
            {"tracker__udp_trackers__0__bind_address": "0.0.0.0:0"},
            [("dynamic-port", "tracker.udp_trackers[0].bind_address")],
        ),
        (
            {"tracker__udp_trackers__0__bind_address": ["::", 6969]},
            [("bad-type", "tracker.udp_trackers[0].bind_address")],
        ),
        (
            {"tracker__udp_trackers__1": {"bind_address": "[::]:6969"}},
            [("port-clash", "tracker.udp_trackers[1].bind_address")],
        ),
        ({"tracker__udp_trackers__1": {"bind_address": "0.0.0.0:7070"}}, []),
        ({"tracker__http_api__bind_address": "0.0.0.0:7070"}, [("port-clash", "tracker.http_api.bind_address")]),
        ({"tracker__http_api__domain": "a_b.example"}, [("bad-domain", "tracker.http_api.domain")]),
        ({"tracker__http_api__tls": {}}, [("unknown-key", "tracker.http_api.tls")]),
        (
            {"tracker__core__database__database_name": "../etc/x"},
            [("bad-value", "tracker.core.database.database_name")],
        ),
        ({"caddy": {}}, [("unknown-key", "caddy")]),
        ({"https": {"admin_email": "a@b.example"}}, [("not-yet", "https")]),
        ({"backup": None}, []),
    ],
)
def test_each_rule(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert _errors(env_file(**changes)) == expected


def test_a_tls_service_is_refused_for_all_its_reasons() -> None:
    data = env_file(tracker__http_api__use_tls_proxy=True)
    codes = {code for code, _path in _errors(data)}
    assert codes == {"tls-needs-domain", "tls-on-loopback", "not-yet"}


def test_one_domain_for_two_sites_is_refused() -> None:
    site = {"bind_address": "0.0.0.0:7071", "domain": "T.example.org", "use_tls_proxy": True}
    data = env_file(
        tracker__http_trackers__0__domain="t.example.org",
        tracker__http_trackers__0__use_tls_proxy=True,
        tracker__http_trackers__1=site,
    )
    assert ("duplicate-domain", "tracker.http_trackers[1].domain") in _errors(data)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "key-file-missing"),
        ({"tracker__http_api__bind_address": "0.0.0.0:1212"}, "public-api"),
        ({"tracker__http_api__admin_token": "MyAccessToken"}, "default-secret"),
        ({"tracker__http_api__admin_token": "short"}, "weak-secret"),
        ({"tracker__http_trackers__0__bind_address": "127.0.0.1:7070"}, "loopback-tracker"),
        ({"tracker__http_trackers": [], "tracker__udp_trackers": []}, "no-trackers"),
        ({"tracker__http_api__admin_token": "REPLACE_WITH_TOKEN_OF_THE_API"}, "placeholder"),
        ({"images": {"archive": "nowhere"}}, "image-archive-missing"),
    ],
)
def test_what_is_legal_but_unwise_is_a_warning(changes: dict[str, Any], code: str) -> None:
    assert code in _warnings(env_file(**changes))


def test_a_placeholder_outside_a_secret_is_an_error() -> None:
    assert _errors(env_file(ssh_credentials__private_key_path="/REPLACE_WITH_PATH")) == [
        ("placeholder", "ssh_credentials.private_key_path")
    ]


def test_unknown_keys_name_the_nearest_one_and_upstreams_caddy_what_to_write() -> None:
    checked = check(env_file(trackr=1, caddy={"admin_email": "a@b.c"}), _BASE)
    by_path = {problem.path: problem for problem in checked.problems}
    assert "did you mean 'tracker'?" in by_path["trackr",].message
    assert "https" in by_path["caddy",].fix
    assert "use_tls_proxy" in by_path["caddy",].fix


@pytest.mark.parametrize("data", [None, [], "text", 3, {}, {"tracker": []}, {"environment": None}])
def test_what_is_no_env_file_at_all_is_refused(data: Any) -> None:
    checked = check(data, _BASE)
    assert checked.environment is None
    assert errors(checked.problems)


_SECRETS = st.text(st.characters(exclude_categories=["C"]), min_size=8).map(lambda text: f"\x27\x22`${{{text}")


@given(_SECRETS, st.booleans())
def test_no_secret_is_in_the_document_or_in_a_problem(secret: str, broken: bool) -> None:
    data = env_file(tracker__http_api__admin_token=secret)
    if broken:
        data["environment"]["name"] = "Not Legal"
    checked = check(data, _BASE)
    shown = _all_text(checked)
    if checked.environment is not None:
        shown += json.dumps(dict(checked.environment.document), ensure_ascii=False) + repr(checked.environment)
        assert checked.secrets == {"tracker.http_api.admin_token": secret}
    assert secret not in shown


@pytest.mark.parametrize("token", [{"env": "hunter2 is it"}, {"envv": "hunter2"}, ["hunter2"], 4711_4711, {"file": ""}])
def test_a_secret_in_a_wrong_form_is_refused_and_not_shown(token: Any) -> None:
    checked = check(env_file(tracker__http_api__admin_token=token), _BASE)
    assert checked.environment is None
    assert "hunter2" not in _all_text(checked)
    assert "47114711" not in _all_text(checked)


def _paths(node: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(node, dict):
        return [path, *(found for key, item in node.items() for found in _paths(item, (*path, str(key))))]
    if isinstance(node, list):
        return [path, *(found for index, item in enumerate(node) for found in _paths(item, (*path, str(index))))]
    return [path]


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.dates()
    | st.sampled_from(["[::]:1", "0.0.0.0:70000", "mysql", "hetzner", "existing", "REPLACE_WITH_X", "a.b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("abe_", min_size=1), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from([path for path in _paths(env_file()) if path]), _ANYTHING), max_size=4))
def test_anything_anywhere_gives_problems_never_an_exception(changes: list[tuple[tuple[str, ...], Any]]) -> None:
    data: Any = env_file()
    for path, value in changes:
        try:
            put(data, list(path), value)
        except (AttributeError, LookupError, TypeError, ValueError):
            continue
    checked = check(data, _BASE)
    assert (checked.environment is None) == bool(errors(checked.problems))
    for problem in checked.problems:
        assert problem.message
        assert problem.fix
    _all_text(checked)


def test_checking_is_deterministic_and_leaves_the_data_alone() -> None:
    data = env_file(caddy={}, environment__name="Bad Name")
    before = json.dumps(data)
    assert check(data, _BASE) == check(data, _BASE)
    assert json.dumps(data) == before


def test_every_key_of_the_schema_says_how_it_changes() -> None:
    missing: list[str] = []

    def walk(node: dict[str, Any], path: str) -> None:
        for key, child in node.get("properties", {}).items():
            where = f"{path}.{key}"
            resolved = child
            if (
                not ({"properties", "items", "allOf"} & set(resolved))
                and "x-change" not in resolved
                and key != "provider"
            ):
                missing.append(where)
            walk(resolved, where)
        if "items" in node:
            walk(node["items"], f"{path}[]")

    walk(schema(), "")
    for name in ("lxd", "hetzner", "existing", "sqlite3", "mysql"):
        walk(schema()["$defs"][name], name)
    # The tag of a union says it where the union is.
    assert [path for path in missing if not path.endswith((".driver", ".provider"))] == []


def test_problems_have_a_text_and_a_document() -> None:
    problem = Problem("code", ("a", 1, "b"), "is wrong", "mend it", "x")
    assert problem.text() == "error: a[1].b: is wrong (is x) [code]\n  fix: mend it"
    assert problem.document()["path"] == "a[1].b"
