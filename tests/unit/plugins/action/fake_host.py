# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host for actions in tests: modules answer as told, files go nowhere, and what was asked is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.parsing.dataloader import DataLoader

from ansible_collections.torrust.deployer.plugins.plugin_utils._action import DeployerAction
from ansible_collections.torrust.deployer.plugins.plugin_utils._environment import check
from ansible_collections.torrust.deployer.plugins.plugin_utils._record import Record
from ansible_collections.torrust.deployer.plugins.plugin_utils._store import FileStore

from ..plugin_utils.env_files import env_file

TOKEN = "a-secret-token-of-the-api"

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def store_with_demo(directory: Path, **changes: Any) -> FileStore:
    """A store with the environment ``demo``, created and no further."""
    environment = check(env_file(**changes), directory).environment
    assert environment is not None
    store = FileStore(directory / "workspace")
    store.create(
        Record("demo", "2026-01-02T03:04:05Z", dict(environment.document)), {"tracker.http_api.admin_token": TOKEN}
    )
    return store


class FakeHost:
    """Answers the modules that an action runs. ``asked``: their names and arguments; ``sent``: names of files."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.sent: list[str] = []
        self.is_lost_to_files = False

    def run(
        self, action: type[DeployerAction], workspace: Path, *, check_mode: bool = False, **arguments: Any
    ) -> dict[str, Any]:
        """The result of the action's task on this host."""
        shell = SimpleNamespace(tmpdir="/tmp/remote", join_path=lambda *parts: "/".join(parts))
        task = SimpleNamespace(
            args={"workspace": str(workspace), **arguments}, check_mode=check_mode, async_val=0, action="tested"
        )
        host = self

        class OnThisHost(action):  # type: ignore[valid-type, misc]
            def _execute_module(self, module_name: str, module_args: dict[str, Any], **_more: Any) -> dict[str, Any]:
                host.asked.append((module_name, module_args))
                return host.answers[module_name](module_args)

            def _transfer_file(self, local: str, remote: str) -> str:
                assert Path(local).is_file()
                if host.is_lost_to_files:
                    raise AnsibleConnectionFailure("Connection timed out")
                host.sent.append(remote)
                return remote

            def _make_tmp_path(self, *_arguments: Any) -> str:
                return "/tmp/remote"

            def _remove_tmp_path(self, *_arguments: Any, **_more: Any) -> None:
                pass

        made = OnThisHost(task, SimpleNamespace(_shell=shell), None, DataLoader(), None, None)
        result: dict[str, Any] = made.run(None, {})
        return result
