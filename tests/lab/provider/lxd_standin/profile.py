# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``lxd_profile``: name, description, config, device blocks."""

from __future__ import annotations

from typing import Any

from tf import iface
from tf.schema import Attribute, Schema
from tf.types import String

from lxd_standin.api import Document, Lxd, LxdError
from lxd_standin.schemas import device_block, text, text_map

State = dict[str, Any]


def devices_for_lxd(blocks: list[State]) -> dict[str, dict[str, str]]:
    """Turn ``device`` blocks into LXD's map of devices."""
    return {block["name"]: {**block["properties"], "type": block["type"]} for block in blocks or []}


def devices_from_lxd(devices: dict[str, dict[str, str]]) -> list[State]:
    """Turn LXD's map of devices into ``device`` blocks."""
    return [
        {"name": name, "type": device["type"], "properties": {k: v for k, v in device.items() if k != "type"}}
        for name, device in sorted(devices.items())
    ]


def keep_null(current: Any, actual: Any, default: Any) -> Any:
    """Return what to store for an attribute: null stays null while reality is the default."""
    return None if current is None and actual == default else actual


def config_from_lxd(current: State | None, actual: dict[str, str], computed: tuple[str, ...] = ()) -> State | None:
    """Return the configuration to store: all of LXD's keys but those that LXD writes itself and the user does not.

    A key that somebody else set is kept, so that the next plan shows it as drift.
    """
    mine = current or {}
    kept: State = {
        key: value for key, value in actual.items() if value and (key in mine or not key.startswith(computed))
    }
    return None if current is None and not kept else kept


class Profile(iface.Resource):
    """Create, read, update and delete an LXD profile."""

    def __init__(self, provider: Any) -> None:
        self._lxd: Lxd = provider.lxd

    @classmethod
    def get_name(cls) -> str:
        """Return the type's name after the provider's prefix."""
        return "profile"

    @classmethod
    def get_schema(cls) -> Schema:
        """Return the part of the real provider's schema that is supported."""
        return Schema(
            version=0,
            attributes=[
                Attribute("name", String(), required=True, requires_replace=True),
                text("description"),
                text_map("config"),
            ],
            block_types=[device_block()],
        )

    def _body(self, planned: State) -> Document:
        return {
            "description": planned["description"] or "",
            "config": planned["config"] or {},
            "devices": devices_for_lxd(planned["device"]),
        }

    def create(self, ctx: iface.CreateContext, planned: State) -> State | None:
        """Create the profile."""
        try:
            self._lxd.post("profiles", {"name": planned["name"], **self._body(planned)})
        except LxdError as error:
            ctx.diagnostics.add_error(f"Failed to create profile {planned['name']!r}", str(error))
            return None
        return planned

    def read(self, ctx: iface.ReadContext, current: State) -> State | None:
        """Return the profile as LXD has it, or None when it is gone."""
        try:
            found = self._lxd.find(f"profiles/{current['name']}")
        except LxdError as error:
            ctx.diagnostics.add_error(f"Failed to read profile {current['name']!r}", str(error))
            return current
        if found is None:
            return None
        return {
            "name": found["name"],
            "description": keep_null(current["description"], found["description"], ""),
            "config": config_from_lxd(current["config"], found["config"]),
            "device": devices_from_lxd(found["devices"]),
        }

    def import_(self, ctx: iface.ImportContext, id: str) -> State | None:
        """Return what the identity ``[remote:][project/]name`` tells; OpenTofu then reads the rest."""
        return {"name": id.rpartition(":")[2].rpartition("/")[2], "description": None, "config": None, "device": []}

    def update(self, ctx: iface.UpdateContext, current: State, planned: State) -> State | None:
        """Replace the profile's content."""
        try:
            self._lxd.put(f"profiles/{planned['name']}", self._body(planned))
        except LxdError as error:
            ctx.diagnostics.add_error(f"Failed to update profile {planned['name']!r}", str(error))
            return current
        return planned

    def delete(self, ctx: iface.DeleteContext, current: State) -> State | None:
        """Delete the profile; on failure it stays in the state."""
        try:
            self._lxd.delete(f"profiles/{current['name']}")
        except LxdError as error:
            ctx.diagnostics.add_error(f"Failed to delete profile {current['name']!r}", str(error))
            return current
        return None
