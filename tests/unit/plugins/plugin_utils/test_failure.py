# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made of Ansible's results."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._failure import from_result


def _explain(result: dict[str, Any], verb: str = "release", task: str = "Upload") -> DeployerError:
    return from_result(result, verb=verb, environment="demo", task=task, where="host-1", secrets=["hunter22"])


def test_it_says_what_where_why_and_what_next() -> None:
    error = _explain({"msg": "non-zero return code", "stderr": "line 1\nno space left on device", "stdout": "noise"})
    assert error.code == "task-failed"
    assert error.exit_code is ExitCode.HOST
    assert error.text().splitlines() == [
        "release failed.",
        "  where: host-1, task 'Upload'",
        "  | non-zero return code",
        "  | line 1",
        "  | no space left on device",
        "  next:  mend the cause, then go on: torrust-tracker-deployer release demo",
    ]


def test_only_the_last_lines_are_kept() -> None:
    error = _explain({"msg": "failed", "stderr": "\n".join(f"line {number}" for number in range(100))})
    assert error.cause.splitlines()[-1] == "line 99"
    assert len(error.cause.splitlines()) == 15


def test_what_a_message_repeats_is_said_once() -> None:
    assert _explain({"msg": "failed: the reason", "stderr": "the reason"}).cause == "failed: the reason"


def test_of_a_loop_the_item_that_failed_speaks() -> None:
    results = [{"msg": "fine"}, {"failed": True, "msg": "the reason"}, {"failed": True, "msg": "a later one"}]
    assert _explain({"msg": "One or more items failed", "results": results}).cause == "the reason"


def test_an_unreachable_host_has_its_own_code() -> None:
    error = _explain({"unreachable": True, "msg": "Connection refused"})
    assert (error.code, error.exit_code, error.cause) == (
        "host-unreachable",
        ExitCode.UNREACHABLE,
        "Connection refused",
    )


@pytest.mark.parametrize(
    ("verb", "code"),
    [("provision", ExitCode.INFRASTRUCTURE), ("destroy", ExitCode.INFRASTRUCTURE), ("configure", ExitCode.HOST)],
)
def test_the_exit_code_is_the_verbs(verb: str, code: ExitCode) -> None:
    assert _explain({"msg": "no"}, verb=verb).exit_code is code


def test_an_error_of_ours_passes_through() -> None:
    own = DeployerError(
        "image-unhealthy",
        "The tracker does not become healthy.",
        where="host-1",
        cause="its last line, with hunter22",
        next_step="look at it",
        exit_code=ExitCode.REFUSED,
        details={"service": "tracker"},
    )
    error = _explain({"msg": own.text(), "error": own.document()})
    assert error.document() == {**own.document(), "cause": "its last line, with ***"}


@pytest.mark.parametrize("error", ["text", {}, {"code": "x"}, None])
def test_an_error_of_others_is_no_error_of_ours(error: Any) -> None:
    assert _explain({"msg": "no", "error": error}).code == "task-failed"


def test_an_unknown_exit_code_is_unexpected() -> None:
    error = _explain({"error": {"code": "x", "message": "y", "exit_code": 4711}})
    assert error.exit_code is ExitCode.UNEXPECTED
    assert error.next_step


@pytest.mark.parametrize("key", ["msg", "stderr", "stdout", "module_stderr", "module_stdout"])
def test_no_secret_gets_through(key: str) -> None:
    error = _explain({key: "the password hunter22 was refused"}, task="Log in with hunter22")
    assert "hunter22" not in str(error.document())
    assert "***" in error.cause


def test_a_result_without_a_word_still_is_an_error() -> None:
    assert _explain({}).text().startswith("release failed.")
