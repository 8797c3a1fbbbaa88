# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider itself: its one block ``remote``, and the connection that it leads to."""

from __future__ import annotations

from typing import Any

from tf import iface
from tf.schema import Attribute, Block, Schema
from tf.types import String

from lxd_standin.api import Lxd, LxdError, socket_of
from lxd_standin.instance import Instance
from lxd_standin.profile import Profile
from lxd_standin.schemas import ListBlock, text


class LxdStandIn(iface.Provider):
    """Test-only stand-in for terraform-lxd/lxd."""

    def __init__(self) -> None:
        self.lxd: Lxd | None = None

    def get_model_prefix(self) -> str:
        """Return the prefix of the resource types."""
        return "lxd_"

    def full_name(self) -> str:
        """Return the provider's name, for debugging output of ``tf``."""
        return "terraform-lxd/lxd (lab stand-in)"

    def get_provider_schema(self, diags: Any) -> Schema:
        """Return the schema of ``provider "lxd"``."""
        remote = Block(attributes=[Attribute(name, String(), required=True) for name in ("name", "address")])
        return Schema(version=0, attributes=[text("default_remote")], block_types=[ListBlock("remote", remote)])

    def validate_config(self, diags: Any, config: dict[str, Any]) -> None:
        """Insist on one remote, as the real provider does."""
        remotes = config.get("remote") or []
        if not remotes:
            diags.add_error("At least one remote must be defined", "Add a remote block to the provider.")
        elif len(remotes) > 1:
            diags.add_error("The stand-in provider takes one remote only")

    def configure_provider(self, diags: Any, config: dict[str, Any]) -> None:
        """Connect, and say in every run's output that this is not the real provider."""
        diags.add_warning(
            "Lab stand-in for the provider terraform-lxd/lxd",
            "This run uses the test-only provider of tests/lab, not the published one.",
        )
        try:
            self.lxd = Lxd(socket_of(config["remote"][0]["address"]))
        except LxdError as error:
            diags.add_error("Failed to reach LXD", str(error))

    def get_data_sources(self) -> list[Any]:
        """Return no data sources."""
        return []

    def get_resources(self) -> list[Any]:
        """Return the supported resources."""
        return [Profile, Instance]
