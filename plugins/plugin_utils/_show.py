# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``show`` and ``list``: what the record says, for people and programs. Nothing is asked of a host."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError
from ansible_collections.torrust.deployer.plugins.plugin_utils._lease import may_live
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Record, label, next_step
from ansible_collections.torrust.deployer.plugins.plugin_utils._report import Outcome
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import Store

Facts = list[tuple[str, str]]


def _derived(record: Record) -> tuple[str, str]:
    """Label and next step."""
    alive = record.operation is not None and may_live(record.operation.holder)
    existing = record.environment["provider"]["provider"] == "existing"
    return label(record, alive), next_step(record, alive, existing_host=existing)


def list_all(store: Store) -> Outcome:
    """Every environment of the workspace, sorted by name; those that cannot be read with the reason."""
    rows: list[dict[str, Any]] = []
    unreadable: list[dict[str, Any]] = []
    for name in store.names():
        try:
            record = store.load(name)
            state = _derived(record)[0]
            rows.append(
                {
                    "name": name,
                    "state": state,
                    "provider": record.environment["provider"]["provider"],
                    "address": record.infrastructure.address if record.infrastructure else None,
                    "created_at": record.created_at,
                }
            )
        except DeployerError as error:
            unreadable.append({"name": name, **error.document()})
        except (KeyError, TypeError):
            unreadable.append({"name": name, "code": "record-corrupt", "message": "The record names no provider."})
    table = [
        ("NAME", "STATE", "PROVIDER", "ADDRESS"),
        *((row["name"], row["state"], row["provider"], row["address"] or "-") for row in rows),
    ]
    text = "\n".join(_columns(table)) if rows else "There is no environment yet."
    if not rows and not unreadable:
        text += "\n  next:  torrust-tracker-deployer create environment --env-file FILE"
    return Outcome(
        document={"environments": rows, "total_count": len(rows), "unreadable": unreadable},
        text=text,
        warnings=tuple(f"warning: {each['name']} cannot be read: {each['message']}" for each in unreadable),
    )


def _columns(table: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def show(store: Store, name: str, *, with_plan: bool = False) -> Outcome:
    """Everything that is known of one environment, and the command that takes it further."""
    from ansible_collections.torrust.deployer.plugins.plugin_utils._catalogue import catalogue
    from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import from_document
    from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import Plan, make_plan

    record = store.load(name)
    environment = from_document(record.environment)
    plan: Plan = make_plan(environment, catalogue())
    state, following = _derived(record)
    urls = _urls(record, plan)
    failure = _last_failure(record)
    machine = record.infrastructure
    document: dict[str, Any] = {
        "name": name,
        "state": state,
        "provider": environment.provider.provider,
        "created_at": record.created_at,
        "instance_name": environment.instance_name,
        "infrastructure": None
        if machine is None
        else {
            "instance_ip": machine.address,
            "ipv4": machine.ipv4,
            "ipv6": machine.ipv6,
            "ssh_port": machine.ssh_port,
            "ssh_user": machine.ssh_user,
            "ssh_key_path": environment.ssh.private_key_path,
            "ssh_command": _ssh(store, record, environment.ssh.private_key_path),
        },
        "urls": urls,
        "images": {
            service.name: {
                "reference": record.images[service.name].reference if service.name in record.images else service.image,
                "id": record.images[service.name].id if service.name in record.images else None,
            }
            for service in plan.services
        },
        "release": asdict(record.release) if record.release else None,
        "running": asdict(record.running) if record.running else None,
        "verdict": asdict(record.verdict) if record.verdict else None,
        "operation": _operation(record),
        "last_failure": failure,
        "next_step": following,
    }
    if with_plan:
        document["plan"] = plan.document()
        return Outcome(document, json.dumps(plan.document(), indent=2), environment=name)
    return Outcome(document, "\n".join(_text(document)), environment=name)


def _urls(record: Record, plan: Any) -> list[dict[str, Any]]:
    """What clients are given, by name first; what only the server itself reaches, with how to get there."""
    from ansible_collections.torrust.deployer.plugins.plugin_utils._plan import listener_url, targets

    machine = record.infrastructure
    known = [] if machine is None else [machine.ipv4, machine.ipv6, machine.address]
    addresses = list(dict.fromkeys(address for address in known if address))
    found = [
        {"id": listener.id, "kind": listener.kind, "url": listener_url(listener, listener.domain), "scope": "public"}
        for listener in plan.listeners
        if listener.domain and listener.scope == "public"
    ]
    found += [
        {"id": target.id, "kind": target.kind, "url": target.url, "scope": "public"}
        for target in targets(plan, addresses)
    ]
    for listener in plan.listeners:
        if listener.scope == "host" and machine is not None:
            address = listener.publications[0].host_address
            found.append(
                {"id": listener.id, "kind": listener.kind, "url": listener_url(listener, address), "scope": "host"}
            )
    return found


def _ssh(store: Store, record: Record, private_key: str) -> str | None:
    machine = record.infrastructure
    if machine is None:
        return None
    words = ["ssh", "-i", private_key, "-p", str(machine.ssh_port)]
    known_hosts = store.file(record.name, "known_hosts")
    if known_hosts.exists():
        words += ["-o", f"UserKnownHostsFile={known_hosts}"]
    return shlex.join([*words, f"{machine.ssh_user}@{machine.address}"])


def _operation(record: Record) -> dict[str, Any] | None:
    present = record.operation
    if present is None:
        return None
    return {
        "verb": present.verb,
        "phase": present.phase,
        "started_at": present.started_at,
        "holder": present.holder.text(),
        "alive": may_live(present.holder),
    }


def _last_failure(record: Record) -> dict[str, Any] | None:
    """The newest operation if it failed or was interrupted; an older one that was made good is history."""
    if not record.history or record.history[-1].outcome == "succeeded":
        return None
    past = record.history[-1]
    return {
        "verb": past.verb,
        "phase": past.phase,
        "outcome": past.outcome,
        "at": past.ended_at,
        "code": past.error.code if past.error else None,
        "message": past.error.message if past.error else None,
        "next_step": past.error.next_step if past.error else None,
    }


def _text(document: dict[str, Any]) -> Iterator[str]:
    facts: Facts = [("environment", document["name"]), ("state", document["state"])]
    facts.append(("provider", document["provider"]))
    machine = document["infrastructure"]
    if machine:
        facts.append(("address", machine["instance_ip"]))
        facts += [
            (family, machine[family])
            for family in ("ipv4", "ipv6")
            if machine[family] and machine[family] != machine["instance_ip"]
        ]
        facts.append(("ssh", machine["ssh_command"]))
    facts += [(f"image {name}", _image(image)) for name, image in document["images"].items()]
    facts += [("release", document[key]["digest"]) for key in ("release",) if document[key]]
    verdict = document["verdict"]
    if verdict:
        failed = ", ".join(verdict["failed"])
        facts.append(("verdict", f"{'passed' if verdict['passed'] else 'failed: ' + failed} at {verdict['at']}"))
    operation = document["operation"]
    if operation:
        doing = "at work" if operation["alive"] else "interrupted"
        facts.append((doing, f"{operation['verb']} since {operation['started_at']}, by {operation['holder']}"))
    width = max(len(title) for title, _value in facts)
    yield from (f"{title.ljust(width)}  {value}" for title, value in facts)
    if document["urls"]:
        yield ""
        for entry in document["urls"]:
            yield f"  {entry['kind']:<12}  {entry['url']}" + (
                "  (on the server only)" if entry["scope"] == "host" else ""
            )
    tunnels = [entry for entry in document["urls"] if entry["scope"] == "host"]
    if machine and tunnels:
        place = tunnels[0]["url"].split("/")[2]
        port = place.rpartition(":")[2]
        yield f"  reach it through: {machine['ssh_command']} -N -L {port}:{place}"
    failure = document["last_failure"]
    if failure:
        yield ""
        phase = f" in {failure['phase']}" if failure["phase"] else ""
        yield f"last failure: {failure['verb']} {failure['outcome']}{phase} at {failure['at']}"
        if failure["message"]:
            yield f"  | {failure['message']}"
        if failure["next_step"]:
            yield f"  then:  {failure['next_step']}"
    yield f"  next:  {document['next_step']}"


def _image(image: dict[str, Any]) -> str:
    return f"{image['reference']} ({image['id']})" if image["id"] else str(image["reference"])
