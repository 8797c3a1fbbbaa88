# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text without secrets: each one is replaced, also in the forms that tools quote or encode it in."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"

# A shorter value would black out ordinary words, and protects nothing.
_SHORTEST = 4
# Fragments (one line of a key, the inside of a longer base64) shorter than this would hit by chance.
_SHORTEST_FRAGMENT = 8


def _base64_forms(secret: bytes) -> Iterator[str]:
    """``secret`` alone, and what of it shows in a longer text, as in ``Basic base64(user:secret)``."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        alone = encode(secret).decode("ascii")
        yield alone
        yield alone.rstrip("=")
        for shift in range(3):
            # Three bytes make four characters: a character is the secret's own if all its six bits are.
            first = (8 * shift + 5) // 6
            last = 8 * (shift + len(secret)) // 6
            fragment = encode(b"\0" * shift + secret + b"\0\0").decode("ascii")[first:last]
            if len(fragment) >= _SHORTEST_FRAGMENT:
                yield fragment


def _forms(secret: str) -> Iterator[str]:
    yield secret
    for encoded in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield once
        # A result that quotes a result: JSON inside a JSON string.
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        yield once.replace("/", "\\/")
    yield repr(secret)[1:-1]
    yield shlex.quote(secret)
    yield secret.replace("'", "'\\''")
    yield re.sub(r'([\\"$`])', r"\\\1", secret)
    yield secret.replace("'", "''")
    yield secret.replace("$", "$$")
    yield from _base64_forms(secret.encode("utf-8"))
    for line in secret.splitlines():
        if line != secret and len(line.strip()) >= _SHORTEST_FRAGMENT:
            yield line.strip()


def _pattern(secrets: Iterable[str]) -> re.Pattern[str] | None:
    forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
    # Longest first: of two forms that begin at one place, the whole is replaced.
    ordered = sorted((form for form in forms if len(form) >= _SHORTEST), key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None


class Redactor:
    """Replaces the given secrets by ``***``. Values of less than four characters are let through."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._found = _pattern(secrets)

    def text(self, text: str) -> str:
        """``text`` without them."""
        return self._found.sub(MASK, text) if self._found else text

    def value(self, value: Any) -> Any:
        """A copy of nested dicts and lists without them, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every secret, in any of its forms, replaced by ``***``."""
    return Redactor(secrets).text(text)
