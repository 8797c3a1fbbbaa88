# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No form of a secret survives, and nothing else is lost."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.torrust.deployer.plugins.plugin_utils._redact import MASK, Redactor, redact

AWKWARD = "';\"/$@#%+ \\p`é"

_secrets = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=4, max_size=30).filter(
    lambda secret: secret.strip("*") != ""
)

FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "url": quote,
    "url, all": lambda secret: quote(secret, safe=""),
    "url, lower case": lambda secret: re.sub("%..", lambda octet: octet[0].lower(), quote(secret, safe="")),
    "form": quote_plus,
    "json": json.dumps,
    "json, not ascii": lambda secret: json.dumps(secret, ensure_ascii=False),
    "json twice": lambda secret: json.dumps(json.dumps({"password": secret})),
    "python": repr,
    "shell": shlex.quote,
    "shell, closed and opened": lambda secret: "'" + secret.replace("'", "'\\''") + "'",
    "yaml": lambda secret: "'" + secret.replace("'", "''") + "'",
    "compose": lambda secret: secret.replace("$", "$$"),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64, url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", ["MyAccessToken", AWKWARD, "p" * 4])
def test_every_form_is_found(form: str, secret: str) -> None:
    text = f"before {FORMS[form](secret)} after"
    clean = redact(text, [secret])
    assert MASK in clean
    assert FORMS[form](secret).strip("'\"") not in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")


@given(_secrets, st.text(max_size=20), st.text(max_size=20))
def test_any_secret_is_found_anywhere(secret: str, before: str, after: str) -> None:
    for form in ("plain", "url, all", "json", "base64"):
        text = before + FORMS[form](secret) + after
        assert MASK in redact(text, [secret])


@given(st.binary(max_size=8), st.integers(0, 5))
def test_basic_authentication_hides_it(user: bytes, more: int) -> None:
    secret = "correct-horse-battery"
    header = base64.b64encode(user + b":" + secret.encode() + b"x" * more).decode()
    assert MASK in redact(f"Authorization: Basic {header}", [secret])


def test_longer_ones_come_first() -> None:
    assert redact("token-and-more token", ["token", "token-and-more"]) == f"{MASK} {MASK}"


def test_each_line_of_a_key_is_hidden() -> None:
    key = "-----BEGIN KEY-----\nQUJDREVGR0hJSktM\nTU5PUFFSU1RVVldY\n-----END KEY-----\n"
    assert "QUJDREVGR0hJSktM" not in redact("line 2: QUJDREVGR0hJSktM", [key])
    assert redact(f"key: {key}", [key]) == f"key: {MASK}"


def test_nested_values_are_copied_without_them() -> None:
    value = {"msg": "is hunter22", "list": ["hunter22", 7, None], "hunter22": True}
    assert Redactor(["hunter22"]).value(value) == {"msg": f"is {MASK}", "list": [MASK, 7, None], MASK: True}
    assert value["list"] == ["hunter22", 7, None]


@pytest.mark.parametrize("secrets", [[], [""], ["abc"]])
def test_nothing_to_hide_changes_nothing(secrets: list[str]) -> None:
    assert redact("abc and the rest *** \\", secrets) == "abc and the rest *** \\"
