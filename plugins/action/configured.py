# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host was configured to, filed in the record (documented in plugins/modules/configured.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from json import dumps
from typing import Any, ClassVar

from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import from_document
from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import Plan, make_plan
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Host, now


class ActionModule(DeployerAction):
    """Files that the host is as the Plan wants it, with facts observed while making it so."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "env_name": {"type": "str", "required": True},
        "facts": {"type": "dict", "default": {}},
    }

    def act(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        name, facts = arguments["env_name"], dict(arguments["facts"])
        record = self.store.load(name)
        digest = host_digest(make_plan(from_document(record.environment), catalogue()))
        if not self.check_mode:
            known = record.host
            at = known.at if known is not None and (known.digest, known.facts) == (digest, facts) else now()
            self.store.update(name, lambda found: replace(found, host=Host(digest, at, facts)))
        return {"document": {"environment": name, "host": facts}}


def host_digest(plan: Plan) -> str:
    """A hash of everything the Plan wants of the host."""
    return sha256(dumps([asdict(plan.host), asdict(plan.network)], sort_keys=True).encode()).hexdigest()[:12]
