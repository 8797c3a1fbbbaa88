# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``lxd_instance``: the container or machine itself, its configuration, devices, and what to wait for once started."""

from __future__ import annotations

import functools
import re
import time
from typing import Any

from tf import iface
from tf.blocks import SetNestedBlock
from tf.schema import Attribute, Block, Schema
from tf.types import String, Unknown

from lxd_standin.api import Document, Lxd, LxdError
from lxd_standin.profile import State, config_from_lxd, devices_for_lxd, devices_from_lxd, keep_null
from lxd_standin.schemas import computed, device_block, flag, text, text_list, text_map

_COMPUTED = ("ipv4_address", "ipv6_address", "mac_address", "status")
_WRITTEN_BY_LXD = ("image.", "volatile.")
_WAIT_SECONDS = 180.0
_CONDITIONS = ("agent", "delay", "ipv4", "ipv6", "ready")


def _seconds(duration: str) -> float:
    """Parse a duration such as ``30s`` or ``1m30s``."""
    parts = re.findall(r"([0-9.]+)(ms|s|m|h)", duration or "")
    if not parts or "".join(n + u for n, u in parts) != duration:
        raise LxdError(f"not a duration: {duration!r}")
    return sum(float(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit] for number, unit in parts)


def _addresses(state: Document, family: str, nic: str | None = None) -> list[str]:
    """Return the global addresses of a family on the interfaces that LXD gave (not on bridges made in the guest)."""
    return [
        address["address"]
        for name, interface in sorted((state.get("network") or {}).items())
        if interface.get("host_name") and nic in (None, name)
        for address in interface["addresses"]
        if address["family"] == family and address["scope"] == "global"
    ]


class Instance(iface.Resource):
    """Create, read, update and delete an LXD instance."""

    def __init__(self, provider: Any) -> None:
        self._lxd: Lxd = provider.lxd

    @classmethod
    def get_name(cls) -> str:
        """Return the type's name after the provider's prefix."""
        return "instance"

    @classmethod
    def get_schema(cls) -> Schema:
        """Return the part of the real provider's schema that is supported."""
        return Schema(
            version=0,
            attributes=[
                Attribute("name", String(), required=True),
                text("description"),
                text("type", "container", replace=True),
                text("image", replace=True),
                flag("ephemeral", False, replace=True),
                flag("running", True),
                text_list("profiles", ["default"]),
                text_map("config"),
                *(computed(name) for name in _COMPUTED),
            ],
            block_types=[
                device_block(),
                SetNestedBlock(
                    "wait_for",
                    Block(attributes=[Attribute("type", String(), required=True), text("delay"), text("nic")]),
                ),
            ],
        )

    def validate(self, diags: Any, type_name: str, config: State) -> None:
        """Refuse what the real provider's validators refuse."""
        super().validate(diags, type_name, config)
        if config.get("type") not in (None, Unknown, "container", "virtual-machine"):
            diags.add_error("Invalid Attribute Value Match", "type must be container or virtual-machine", path=["type"])
        for block in config.get("wait_for") or []:
            if block["type"] is not Unknown and block["type"] not in _CONDITIONS:
                allowed = ", ".join(_CONDITIONS)
                diags.add_error("Invalid Attribute Value Match", f"wait_for type must be one of {allowed}")

    def plan(self, ctx: iface.PlanContext, current: State | None, planned: State) -> State:
        """Forget addresses and status where the change starts, stops or replaces the instance."""
        if ctx.changed_fields & {"running", "image", "type", "ephemeral", "name"}:
            planned.update(dict.fromkeys(_COMPUTED, Unknown))
        return planned

    def _body(self, planned: State, kept: dict[str, str] | None = None) -> Document:
        return {
            "description": planned["description"] or "",
            "config": {**(kept or {}), **{k: v for k, v in (planned["config"] or {}).items() if v}},
            "devices": devices_for_lxd(planned["device"]),
            "profiles": ["default"] if planned["profiles"] is None else planned["profiles"],
            "ephemeral": bool(planned["ephemeral"]),
        }

    def _observed(self, current: State) -> State | None:
        """Return ``current`` brought up to what LXD has, or None when the instance is gone."""
        found = self._lxd.find(f"instances/{current['name']}")
        if found is None:
            return None
        state = self._lxd.find(f"instances/{current['name']}/state") or {}
        running = state.get("status") in ("Running", "Ready")
        interfaces = [one for _name, one in sorted((state.get("network") or {}).items()) if one.get("host_name")]
        return {
            **current,
            "description": keep_null(current["description"], found["description"], ""),
            "type": keep_null(current["type"], found["type"], "container"),
            "ephemeral": keep_null(current["ephemeral"], found["ephemeral"], False),
            "running": keep_null(current["running"], running, True),
            "profiles": keep_null(current["profiles"], found["profiles"], ["default"]),
            "config": config_from_lxd(current["config"], found["config"], _WRITTEN_BY_LXD),
            "device": devices_from_lxd(found["devices"]),
            "ipv4_address": next(iter(_addresses(state, "inet")), None),
            "ipv6_address": next(iter(_addresses(state, "inet6")), None),
            "mac_address": next((one["hwaddr"] for one in interfaces), None),
            "status": state.get("status"),
        }

    def _start_and_wait(self, planned: State) -> None:
        """Start the instance and wait for each ``wait_for`` condition."""
        name = planned["name"]
        self._lxd.set_running(name, True)
        for block in planned["wait_for"] or []:
            kind, nic = block["type"], block["nic"] or (planned["config"] or {}).get("user.access_interface")
            if kind == "delay":
                time.sleep(_seconds(block["delay"]))
            elif kind in ("ipv4", "ipv6"):
                has_one = functools.partial(self._has_address, name, "inet" if kind == "ipv4" else "inet6", nic)
                self._lxd.wait(f"instance {name!r} has no global {kind} address", _WAIT_SECONDS, has_one)
            elif kind == "ready":
                self._lxd.wait(f"instance {name!r} is not ready", _WAIT_SECONDS, lambda: self._status(name) == "Ready")
            else:
                raise LxdError("the stand-in provider cannot wait for the agent of a virtual machine")

    def _status(self, name: str) -> str | None:
        return (self._lxd.find(f"instances/{name}/state") or {}).get("status")

    def _has_address(self, name: str, family: str, nic: str | None) -> bool:
        return bool(_addresses(self._lxd.find(f"instances/{name}/state") or {}, family, nic))

    def create(self, ctx: iface.CreateContext, planned: State) -> State | None:
        """Create the instance, start it, wait.

        What fails half-way is returned together with the error, so that OpenTofu marks it tainted.
        """
        name = planned["name"]
        source = {"type": "image", "alias": planned["image"]} if planned["image"] else {"type": "none"}
        if source["type"] == "image" and re.fullmatch("[0-9a-f]{12,64}", planned["image"]):
            source = {"type": "image", "fingerprint": planned["image"]}
        body = {"name": name, "type": planned["type"] or "container", "source": source, **self._body(planned)}
        created = False
        try:
            self._lxd.post("instances", body)
            created = True
            if planned["running"] is not False:
                self._start_and_wait(planned)
            return self._observed(planned)
        except LxdError as error:
            what = "start" if created else "create"
            ctx.diagnostics.add_error(f"Failed to {what} instance {name!r}", str(error))
        if not created:
            return None
        return {**planned, **dict.fromkeys(_COMPUTED)}

    def read(self, ctx: iface.ReadContext, current: State) -> State | None:
        """Return the instance as LXD has it, or None when it is gone."""
        try:
            return self._observed(current)
        except LxdError as error:
            ctx.diagnostics.add_error(f"Failed to read instance {current['name']!r}", str(error))
            return current

    def import_(self, ctx: iface.ImportContext, id: str) -> State | None:
        """Return what the identity ``[remote:][project/]name[,image=image]`` tells; OpenTofu then reads the rest."""
        place, _separator, image = id.partition(",image=")
        unset = dict.fromkeys(("description", "type", "ephemeral", "running", "profiles", "config", *_COMPUTED))
        name = place.rpartition(":")[2].rpartition("/")[2]
        return {**unset, "name": name, "image": image or None, "device": [], "wait_for": []}

    def update(self, ctx: iface.UpdateContext, current: State, planned: State) -> State | None:
        """Change the instance in place; keep what LXD itself wrote into its configuration."""
        name = current["name"]
        try:
            if planned["name"] != name:
                raise LxdError("the stand-in provider does not rename instances")
            found = self._lxd.find(f"instances/{name}") or {}
            kept = {k: v for k, v in found.get("config", {}).items() if k.startswith(_WRITTEN_BY_LXD)}
            self._lxd.put(f"instances/{name}", {"architecture": found.get("architecture"), **self._body(planned, kept)})
            if planned["running"] is False:
                self._lxd.set_running(name, False)
            elif self._status(name) not in ("Running", "Ready"):
                self._start_and_wait(planned)
            seen = self._observed(planned) or planned
        except LxdError as error:
            ctx.diagnostics.add_error(f"Failed to update instance {name!r}", str(error))
            return current
        # What the plan called known must come back as planned; the next refresh brings a changed address.
        return {**seen, **{key: planned[key] for key in _COMPUTED if planned[key] is not Unknown}}

    def delete(self, ctx: iface.DeleteContext, current: State) -> State | None:
        """Stop and delete the instance; on failure it stays in the state."""
        try:
            if self._lxd.find(f"instances/{current['name']}") is not None:
                self._lxd.set_running(current["name"], False)
                self._lxd.delete(f"instances/{current['name']}")
        except LxdError as error:
            ctx.diagnostics.add_error(f"Failed to delete instance {current['name']!r}", str(error))
            return current
        return None
