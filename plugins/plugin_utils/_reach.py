# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until a machine lets us in, and what it then says of itself: port, banner, host key, login, cloud-init.

Each step is looked at again until it is well, until waiting cannot help any more, or until the time is up. A key that
is rejected is given a short grace only: a machine that boots makes its users before it answers, or soon after.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.torrust.deployer.plugins.plugin_utils import _ssh
from ansible_collections.torrust.deployer.plugins.plugin_utils._errors import DeployerError, ExitCode
from ansible_collections.torrust.deployer.plugins.plugin_utils._ssh import Reason, Seen, Session, Target

PYTHON_NEEDED = (3, 9)

# Seconds after which more of the same does not get better, however long the caller would wait.
_PATIENCE = {Reason.NAME: 10.0, Reason.NO_ROUTE: 60.0}
_FINAL = (Reason.HOST_KEY_CHANGED, Reason.KEY_UNUSABLE)
_LOOK_SECONDS = 5.0
_PAUSE = 0.5
# Servers (OpenSSH 9.8 and later) lock out whoever fails to log in too often, so the pauses grow.
_REJECTED_PAUSES = (2.0, 4.0, 8.0, 16.0)

# One session says everything: what cloud-init made of the machine, who we are on it, what it has, where it is reached.
_SCRIPT = r"""
PATH=$PATH:/usr/sbin:/sbin; export PATH LC_ALL=C
if command -v cloud-init >/dev/null 2>&1; then
  cloud-init status --wait >/dev/null 2>&1; echo "cloud_init=$?"
  cloud-init status --long 2>/dev/null | sed 's/^/cloud_init_line=/'
fi
if [ "$(id -u)" = 0 ]; then echo sudo=yes
elif answer=$(sudo -n true 2>&1); then echo sudo=yes
else echo "sudo=$(printf %s "${answer:-refused}" | tail -n 1)"; fi
python=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) && echo "python=$python"
for family in 4 6; do
  device=$(ip -o -$family route show default 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
  [ -n "$device" ] || continue
  ip -o -$family address show dev "$device" scope global -deprecated 2>/dev/null |
    awk '!/temporary/ {sub("/.*", "", $4); print "ipv'$family'=" $4; exit}'
done
exit 0
"""


@dataclass(frozen=True)
class Machine:
    """What a machine said of itself. ``python``: ``(3, 13)`` or None; ``sudo``: ``yes`` or why not."""

    host_keys: tuple[str, ...]
    sudo: str
    python: tuple[int, int] | None
    ipv4: str | None
    ipv6: str | None
    warnings: tuple[str, ...] = ()


@dataclass
class Waiter:
    """Looks at one machine until it lets us in. ``timeout`` and ``grace`` (for a rejected key) in seconds.

    ``pinned``: the host keys believed, empty at first contact. ``accept``: a fingerprint that may replace them.
    ``again`` and ``playbook``: the commands that go
    on, for messages. ``pin``: told the keys as soon as they are believed, before anything is sent to the machine.
    """

    target: Target
    timeout: float
    grace: float
    pinned: Sequence[str]
    pin: Callable[[tuple[str, ...]], None]
    accept: str | None = None
    again: str = ""
    playbook: str = ""
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _deadline: float = field(init=False, default=0.0)

    def wait(self) -> Machine:
        """The machine, once we are in and it has finished its first boot; else ``DeployerError`` with the reason."""
        self._deadline = self.clock() + self.timeout
        key = _ssh.look_at_key(self.target.key_path)
        if not key.ok:
            raise self._error(key)
        self._until(lambda: _ssh.look_at_port(self.target.host, self.target.port, _LOOK_SECONDS))
        keys = self._host_keys()
        self.pin(keys)
        return self._machine(keys, self._log_in())

    def _left(self) -> float:
        return self._deadline - self.clock()

    def _until(self, look: Callable[[], Seen]) -> None:
        since: dict[Reason, float] = {}
        while not (seen := look()).ok:
            first = since.setdefault(seen.reason, self.clock())
            over = self.clock() - first >= _PATIENCE.get(seen.reason, self.timeout)
            if seen.reason in _FINAL or over or self._left() <= 0:
                raise self._error(seen)
            self.pause(_PAUSE)

    def _host_keys(self) -> tuple[str, ...]:
        shown: tuple[str, ...] = ()

        def look() -> Seen:
            nonlocal shown
            shown = _ssh.scan_host_keys(self.target, _LOOK_SECONDS)
            return Seen(Reason.OK if shown else Reason.NO_BANNER, "" if shown else "the server showed no host key")

        self._until(look)
        if not self.pinned or _ssh.same_machine(self.pinned, shown):
            return tuple(self.pinned) or shown
        if self.accept and self.accept in map(_ssh.fingerprint, shown):
            return shown
        raise self._host_key_changed(shown)

    def _log_in(self) -> Session:
        session = Session(Seen(Reason.DROPPED))
        rejected: float | None = None
        pauses = iter(_REJECTED_PAUSES)

        def look() -> Seen:
            nonlocal session, rejected
            timeout = max(_LOOK_SECONDS, self._left())
            session = _ssh.run_script(self.target, _SCRIPT, connect_timeout=_LOOK_SECONDS, timeout=timeout)
            if session.seen.reason is Reason.KEY_REJECTED:
                rejected = self.clock() if rejected is None else rejected
                nap = next(pauses, None)
                if nap is None or self.clock() + nap - rejected > self.grace or self._left() < nap:
                    raise self._error(session.seen)
                self.pause(nap)
            return session.seen

        self._until(look)
        return session

    def _machine(self, keys: tuple[str, ...], session: Session) -> Machine:
        facts: dict[str, str] = {}
        told: list[str] = []
        for line in session.output.splitlines():
            name, _sign, value = line.partition("=")
            if name == "cloud_init_line":
                told.append(value)
            else:
                facts[name] = value
        warnings = self._cloud_init(facts.get("cloud_init", "0"), told)
        python = facts.get("python", "").split(".")
        return Machine(
            host_keys=keys,
            sudo=facts.get("sudo", "no answer"),
            python=(int(python[0]), int(python[1])) if len(python) == 2 else None,
            ipv4=facts.get("ipv4"),
            ipv6=facts.get("ipv6"),
            warnings=warnings,
        )

    def _cloud_init(self, code: str, told: Sequence[str]) -> tuple[str, ...]:
        """Exit code 2 means that it recovered: said, not failed."""
        words = cloud_init_errors(told)
        if code in ("0", "2"):
            return tuple(f"cloud-init: {line}" for line in words) if code == "2" else ()
        raise DeployerError(
            "cloud-init-failed",
            "cloud-init did not set the machine up as it was told.",
            where=self.target.text(),
            cause="\n".join(words or told or (f"cloud-init status: exit code {code}",)),
            next_step=f"see /var/log/cloud-init-output.log on the machine; mend it or destroy it, then: {self.again}",
            exit_code=ExitCode.INFRASTRUCTURE,
        )

    # -- errors -----------------------------------------------------------------------------------------------------

    def _host_key_changed(self, shown: Sequence[str]) -> DeployerError:
        new = sorted(map(_ssh.fingerprint, shown))
        old = sorted(map(_ssh.fingerprint, self.pinned))
        return DeployerError(
            Reason.HOST_KEY_CHANGED.value,
            "The machine shows another host key than the one that was recorded: it is another machine, or somebody "
            "stands between.",
            where=self.target.text(),
            cause=f"recorded: {', '.join(old)}\nshown:    {', '.join(new)}",
            next_step=(
                "compare with what the machine's own console says (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); "
                f"only if it is right: {self.playbook} -e accept_host_key={new[0]}"
            ),
            exit_code=ExitCode.UNREACHABLE,
        )

    def _error(self, seen: Seen) -> DeployerError:
        message, step = _WORDS[seen.reason]
        place = {"host": self.target.host, "port": self.target.port, "user": self.target.user}
        place |= {"key": self.target.key_path, "seconds": f"{self.timeout:.0f}"}
        return DeployerError(
            seen.reason.value,
            message.format(**place),
            where=self.target.text(),
            cause=seen.cause,
            next_step=f"{step.format(**place)}, then: {self.again}",
            exit_code=ExitCode.UNREACHABLE,
        )


_WORDS: Mapping[Reason, tuple[str, str]] = {
    Reason.NAME: ("The name {host} leads to no address.", "check the name and its DNS record, or give an address"),
    Reason.NO_ROUTE: (
        "There is no way from here to {host}.",
        "check the address, and that this machine has that network (and IPv6, if it is an IPv6 address)",
    ),
    Reason.REFUSED: (
        "{host} refuses connections on port {port}: nothing listens there.",
        "check the port, and that the SSH server runs on the machine",
    ),
    Reason.TIMEOUT: (
        "{host} did not answer on port {port} within {seconds} s.",
        "check that the machine is on, the address, and the firewalls on the way",
    ),
    Reason.NO_BANNER: (
        "What listens on port {port} of {host} does not answer as an SSH server.",
        "check the port; an SSH server that hangs up at once says why in the machine's journal",
    ),
    Reason.KEY_REJECTED: (
        "{host} does not let {user} in with the key {key}.",
        "check that this key's public part is in ~{user}/.ssh/authorized_keys on the machine, and the user's name "
        "(ssh_credentials in the environment file)",
    ),
    Reason.KEY_UNUSABLE: ("The private key cannot be used.", "mend the key file"),
    Reason.HOST_KEY_CHANGED: (
        "The host key of {host} changed while we were looking.",
        "make sure that it is the right machine",
    ),
    Reason.DROPPED: ("The connection to {host} broke.", "check the network and the machine's SSH server"),
}


def cloud_init_errors(lines: Sequence[str]) -> list[str]:
    """The errors in what ``cloud-init status --long`` says, without its headings."""
    words: list[str] = []
    wanted = False
    for line in lines:
        if line[:1] not in ("", " ", "-", "\t"):
            wanted = line.startswith(("errors:", "recoverable_errors:", "detail:"))
            continue
        if wanted and line.strip():
            words.append(line.strip())
    return words


def problems(machine: Machine, target: Target) -> list[str]:
    """What the machine lacks before Ansible can work on it: each a sentence with the way to mend it."""
    found = []
    if machine.sudo != "yes":
        found.append(
            f"{target.user} may not use sudo without a password ({machine.sudo}): "
            f"echo '{target.user} ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/90-{target.user}"
        )
    if machine.python is None or machine.python < PYTHON_NEEDED:
        is_now = f"is {machine.python[0]}.{machine.python[1]}" if machine.python else "is not there"
        found.append(f"/usr/bin/python3 must be 3.9 or newer ({is_now}): apt install python3, or a newer distribution")
    return found
