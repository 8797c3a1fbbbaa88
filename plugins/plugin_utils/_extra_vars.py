# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The extra variables of a playbook: those that are nearly an argument are refused, since Ansible ignores them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from typing import Any

import yaml
from ansible import context

from ansible_collections.torrust.deployer.plugins.plugin_utils._collection import collection_file
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode

# As near to a known argument as this, an extra variable is taken for a misspelling of it.
_MISSPELT = 0.8


def refuse_misspelt(verb: str, extra_vars: Mapping[str, Any]) -> None:
    """Refuse an extra variable that is nearly an argument of the verb: Ansible would ignore it in silence.

    Only the playbook that was called is asked: its parts see the same extra variables.
    """
    called = {
        os.path.basename(path).removesuffix(".yml").rpartition(".")[2] for path in context.CLIARGS.get("args", ())
    }
    meta = collection_file("playbooks", f"{verb}.meta.yml")
    if verb not in called or not meta.is_file():
        return
    options = yaml.safe_load(meta.read_text(encoding="utf-8"))["argument_specs"][verb]["options"]
    for word in sorted(set(extra_vars) - set(options)):
        near = difflib.get_close_matches(word, options, n=1, cutoff=_MISSPELT)
        if near:
            raise DeployerError(
                "unknown-argument",
                f"{verb} has no argument '{word}' (did you mean '{near[0]}'?).",
                next_step=f"write {near[0]} instead; the arguments of {verb} are: {', '.join(options)}",
                exit_code=ExitCode.USAGE,
            )
