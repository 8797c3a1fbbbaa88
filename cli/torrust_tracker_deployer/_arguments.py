# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: verbs, their options, and usage errors that say what to write instead. Standard library only."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import NoReturn

PROGRAM = "torrust-tracker-deployer"

# Options that mean the same before and after the verb, as (flags, arguments of add_argument, value when absent).
_EVERYWHERE: tuple[tuple[tuple[str, ...], dict[str, object], object], ...] = (
    (
        ("--working-dir",),
        {
            "metavar": "DIRECTORY",
            "help": "where environments are kept (default: $TORRUST_DEPLOYER_WORKSPACE, else "
            "~/.local/share/torrust-deployer)",
        },
        None,
    ),
    (
        ("--output-format",),
        {"choices": ("text", "json"), "help": "what stands on standard output (default: text)"},
        "text",
    ),
    (
        ("--json",),
        {"dest": "output_format", "action": "store_const", "const": "json", "help": "the same as --output-format json"},
        None,
    ),
    (("-v", "--verbose"), {"action": "count", "help": "show what Ansible does; more with -vv and -vvv"}, 0),
)


class UsageError(Exception):
    """Wrong words on the command line. ``next_step``: the command to type instead, or its help."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.next_step = next_step


class _Parser(argparse.ArgumentParser):
    def __init__(self, **arguments: object) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **arguments)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"see what can be written: {self.prog} --help")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        choices = list(action.choices or ())
        if choices and value not in choices:
            near = difflib.get_close_matches(str(value), map(str, choices), n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            what = "command" if isinstance(action, argparse._SubParsersAction) else f"value of {action.metavar or ''}"
            if not isinstance(action, argparse._SubParsersAction):
                what = f"value of {'/'.join(action.option_strings)}"
            self.error(f"'{value}' is no {what}{hint}: there are {', '.join(map(str, choices))}")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line as values; ``verb`` is the verb, without one it is ``None``. Raises ``UsageError``."""
    parser = build()
    found, unknown = parser.parse_known_args(words)
    if unknown:
        raise _unknown(unknown[0], found, parser)
    for _flags, arguments, default in _EVERYWHERE:
        name = str(arguments.get("dest") or _flags[-1].removeprefix("--").replace("-", "_"))
        if not hasattr(found, name):
            setattr(found, name, default)
    if found.verb == "deploy" and bool(found.env_name) == bool(found.env_file):
        raise UsageError(
            "deploy wants either the name of an environment or an env file",
            f"{PROGRAM} deploy NAME, or {PROGRAM} deploy --env-file FILE",
        )
    return found


def _unknown(word: str, found: argparse.Namespace, parser: argparse.ArgumentParser) -> UsageError:
    verb = f" {found.verb}" if found.verb else ""
    step = f"see what can be written: {PROGRAM}{verb} --help"
    if word.startswith("-"):
        near = difflib.get_close_matches(word.partition("=")[0], _known_options(parser, found.verb), n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return UsageError(f"there is no option {word}{hint}", step)
    return UsageError(f"'{word}' is one word too many", step)


def _known_options(parser: argparse.ArgumentParser, verb: str | None) -> list[str]:
    options = list(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and verb in action.choices:
            options += _known_options(action.choices[verb], None)
    return options


def json_asked(words: Sequence[str]) -> bool:
    """Whether a command line that could not be understood wanted JSON."""
    joined = " ".join(words)
    return "--json" in words or "--output-format json" in joined or "--output-format=json" in joined


def build() -> argparse.ArgumentParser:
    """The parser of everything."""
    parser = _Parser(
        prog=PROGRAM,
        description="Deploys the Torrust BitTorrent tracker from one file that describes the environment.",
        epilog=f"Start with: {PROGRAM} validate --env-file FILE\nThen:       {PROGRAM} deploy --env-file FILE",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    _everywhere(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", title="commands", parser_class=_Parser)

    create = _verb(verbs, "create", "apply an env file to the record of its environment, or print the schema")
    kinds = create.add_subparsers(dest="kind", metavar="WHAT", required=True, parser_class=_Parser)
    apply = _verb(kinds, "environment", "make the record of an environment, or bring it in line with the file")
    _env_file(apply, required=True)
    _strict(apply)
    _dry_run(apply)
    schema = _verb(kinds, "schema", "the JSON Schema of the env file")
    schema.add_argument("path", nargs="?", metavar="FILE", help="where to write it (default: standard output)")

    validate = _verb(verbs, "validate", "check an env file completely")
    _env_file(validate, required=True)
    _strict(validate)

    render = _verb(verbs, "render", "write the files of a deployment to a directory, without deploying")
    source = render.add_mutually_exclusive_group(required=True)
    _env_file(source)
    source.add_argument("--env-name", metavar="NAME", help="an environment, rendered as it is kept")
    render.add_argument("--instance-ip", metavar="ADDRESS", required=True, help="IPv4 or IPv6 address of the instance")
    render.add_argument("-o", "--output-dir", metavar="DIRECTORY", required=True, help="the directory to make")
    render.add_argument("--force", action="store_true", help="replace what an earlier render wrote there")
    _strict(render)

    show = _named(verbs, "show", "what is known of an environment, its URLs and the next step")
    show.add_argument("--plan", action="store_true", help="everything that is derived from the env file")
    _verb(verbs, "list", "all environments with their state")
    _named(verbs, "exists", "print true or false")

    provision = _playbook(verbs, "provision", "make the machine")
    _replace(provision)
    _reaching(provision)
    register = _playbook(verbs, "register", "take a machine that exists")
    register.add_argument("--instance-ip", metavar="ADDRESS", required=True, help="IPv4 or IPv6 address, or DNS name")
    register.add_argument("--ssh-port", metavar="PORT", type=int, help="its SSH port (default: the env file's)")
    _reaching(register)
    _playbook(verbs, "configure", "Docker, firewall, updates and kernel settings of the machine")
    _playbook(verbs, "release", "bring configuration and images to the machine")
    run = _playbook(verbs, "run", "start the stack and wait until it serves")
    _wait_timeout(run)
    test = _playbook(verbs, "test", "be a client: announce to every listener and expect to be introduced")
    _probe_timeout(test)
    destroy = _playbook(verbs, "destroy", "give the machine up, or remove what is ours from one that existed")
    _confirm(destroy)
    destroy.add_argument("--data", choices=("keep", "delete"), help="data on a machine that existed (default: keep)")
    destroy.add_argument("--forget", action="store_true", help="only forget a machine that cannot be reached any more")
    purge = _playbook(verbs, "purge", "remove the record of an environment that has nothing any more")
    _confirm(purge)
    purge.add_argument("-f", "--force", action="store_true", help="do not ask")

    deploy = _verb(verbs, "deploy", "everything: create (with an env file), provision, configure, release, run, test")
    deploy.add_argument("env_name", nargs="?", metavar="NAME", help="the environment")
    _env_file(deploy)
    _strict(deploy)
    _replace(deploy)
    _wait_timeout(deploy)
    _probe_timeout(deploy)
    _take_over(deploy)
    _dry_run(deploy)
    return parser


def _verb(verbs: argparse._SubParsersAction[_Parser], name: str, about: str) -> _Parser:
    parser = verbs.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    _everywhere(parser)
    return parser


def _everywhere(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("options of every command")
    for flags, arguments, _default in _EVERYWHERE:
        group.add_argument(*flags, default=argparse.SUPPRESS, **arguments)  # type: ignore[arg-type]


def _named(verbs: argparse._SubParsersAction[_Parser], name: str, about: str) -> _Parser:
    parser = _verb(verbs, name, about)
    parser.add_argument("env_name", metavar="NAME", help="the environment")
    return parser


def _playbook(verbs: argparse._SubParsersAction[_Parser], name: str, about: str) -> _Parser:
    parser = _named(verbs, name, about)
    _take_over(parser)
    _dry_run(parser)
    return parser


def _env_file(parser: argparse._ActionsContainer, *, required: bool = False) -> None:
    parser.add_argument("-f", "--env-file", metavar="FILE", required=required, help="the env file, JSON or YAML")


def _strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="warnings refuse the file too")


def _dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what would be done; change nothing")


def _take_over(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--take-over", action="store_true", help="from a holder of which nobody can tell whether it lives"
    )


def _confirm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--confirm", metavar="NAME", help="the environment's name again: yes, do it")


def _replace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--replace", metavar="RESOURCE", action="append", help="a resource that OpenTofu may delete or replace"
    )


def _wait_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait-timeout", metavar="SECONDS", type=int, help="how long to wait for it")


def _probe_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--probe-timeout", metavar="SECONDS", type=float, help="how long one request of the test may take"
    )


def _reaching(parser: argparse.ArgumentParser) -> None:
    _wait_timeout(parser)
    parser.add_argument(
        "--accept-host-key", metavar="SHA256:...", help="fingerprint of a host key that may replace the recorded one"
    )


def help_text() -> str:
    """What is printed when no verb is given."""
    return build().format_help()
