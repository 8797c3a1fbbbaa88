# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records and holders for tests: fixed ones, and a strategy for any."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ansible_collections.torrust.deployer.plugins.plugin_utils._holder import Holder
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import (
    Ended,
    Failure,
    Host,
    Image,
    Infrastructure,
    Operation,
    Phase,
    Record,
    Release,
    Verdict,
)

HOLDER = Holder(4711, 100, "boot-1", "pid:[1]", "machine-1", "build-1", "anna", "1-2-3")
RECORD = Record("demo", "2026-01-02T03:04:05Z", {"environment": {"name": "demo"}})
MACHINE = Infrastructure(
    method="provisioned",
    provider="lxd",
    instance_name="torrust-tracker-vm-demo",
    ipv4="10.0.0.2",
    ipv6="fd00::2",
    address="10.0.0.2",
    ssh_port=22,
    ssh_user="torrust",
    host_keys=("ssh-ed25519 AAAA",),
    at="2026-01-02T03:05:00Z",
)

# Lone surrogates cannot be written as UTF-8; nothing that was read from a file holds them.
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_time = st.datetimes().map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"))
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_object = st.dictionaries(_text, _json, max_size=3)


def _tuples(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=3).map(tuple)


_holders = st.builds(Holder, st.integers(1), st.integers(0), _text, _text, _text, _text, _text, _text)
_machines = st.builds(
    Infrastructure,
    method=st.sampled_from(["provisioned", "registered"]),
    provider=_text,
    instance_name=_text,
    ipv4=st.none() | _text,
    ipv6=st.none() | _text,
    address=_text,
    ssh_port=st.integers(1, 65535),
    ssh_user=_text,
    host_keys=_tuples(_text),
    at=_time,
)
_releases = st.builds(Release, _text, _time, st.dictionaries(_text, _text, max_size=3))
_operations = st.builds(
    Operation,
    id=_text,
    verb=_text,
    holder=_holders,
    started_at=_time,
    phase=_text,
    phases=_tuples(st.builds(Phase, _text, _time)),
    within=_tuples(_text),
    changed=st.none() | st.booleans(),
)
_ended = st.builds(
    Ended,
    id=_text,
    verb=_text,
    started_at=_time,
    ended_at=_time,
    outcome=st.sampled_from(["succeeded", "failed", "interrupted"]),
    phase=_text,
    error=st.none() | st.builds(Failure, _text, _text, _text),
    changed=st.none() | st.booleans(),
)

records = st.builds(
    Record,
    name=_text,
    created_at=_time,
    environment=_object,
    infrastructure=st.none() | _machines,
    images=st.dictionaries(_text, st.builds(Image, _text, _text, _text), max_size=3),
    host=st.none() | st.builds(Host, _text, _time, _object),
    release=st.none() | _releases,
    running=st.none() | _releases,
    verdict=st.none() | st.builds(Verdict, st.booleans(), _time, _tuples(_text)),
    destroyed_at=st.none() | _time,
    operation=st.none() | _operations,
    history=_tuples(_ended),
)
