# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at a machine: what each failure is called, which host keys are believed, which of our keys can be used."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.torrust.deployer.plugins.plugin_utils import _ssh
from ansible_collections.torrust.deployer.plugins.plugin_utils._ssh import Reason, Target

ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBAQdvjHaivLSq0cUsDLgRuBunPE6Nga/t3iyKH0VbsT"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIBupGuhiTOUxTFGOiSC83/o5B9tfhrt2iIRZ0byJtU0"
RSA = "ssh-rsa AAAAB3NzaC1yc2E="


def target(directory: Path, host: str = "192.0.2.1", port: int = 22) -> Target:
    return Target(host, port, "torrust", str(directory / "key"), directory / "known_hosts")


@contextlib.contextmanager
def server(greeting: bytes) -> Iterator[int]:
    """A port on loopback that says one thing to whoever connects, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _address = listener.accept()
                with connection:
                    connection.sendall(greeting)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def make_key(path: Path, passphrase: str = "", kind: str = "ed25519", form: str = "RFC4716") -> None:
    command = ["ssh-keygen", "-q", "-t", kind, "-m", form, "-N", passphrase, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


# -- the port -------------------------------------------------------------------------------------------------------


def test_an_ssh_server_is_well() -> None:
    with server(b"SSH-2.0-OpenSSH_10.0\r\n") as port:
        assert _ssh.look_at_port("127.0.0.1", port, 2).ok


def test_another_server_is_named_by_what_it_says() -> None:
    with server(b"HTTP/1.1 400 Bad Request\r\n") as port:
        seen = _ssh.look_at_port("127.0.0.1", port, 2)
    assert seen.reason is Reason.NO_BANNER
    assert "HTTP/1.1 400" in seen.cause


def test_a_server_that_hangs_up_has_no_banner() -> None:
    with server(b"") as port:
        assert _ssh.look_at_port("127.0.0.1", port, 2).reason is Reason.NO_BANNER


def test_a_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert _ssh.look_at_port("127.0.0.1", port, 2).reason is Reason.REFUSED


def test_a_name_without_address() -> None:
    assert _ssh.look_at_port("no-such-host.invalid", 22, 2).reason is Reason.NAME


def test_a_name_that_cannot_be_one() -> None:
    assert _ssh.look_at_port("a" * 70 + ".example", 22, 2).reason is Reason.NAME


# -- host keys ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        ("192.0.2.1", 22, "192.0.2.1"),
        ("fd00::1", 22, "fd00::1"),
        ("fd00::1", 2222, "[fd00::1]:2222"),
        ("tracker.example", 2222, "[tracker.example]:2222"),
    ],
)
def test_ssh_finds_what_we_pin(tmp_path: Path, host: str, port: int, name: str) -> None:
    one = target(tmp_path, host, port)
    one.known_hosts.write_bytes(_ssh.known_hosts_content(one, [ED]))
    assert _ssh.pinned_host_keys(one) == (ED,)
    found = subprocess.run(
        ["ssh-keygen", "-F", name, "-f", str(one.known_hosts)], capture_output=True, text=True, check=False
    )
    assert ED in found.stdout


def test_another_port_is_another_machine(tmp_path: Path) -> None:
    one = target(tmp_path)
    one.known_hosts.write_bytes(_ssh.known_hosts_content(one, [ED]))
    assert _ssh.pinned_host_keys(target(tmp_path, port=2222)) == ()


def test_nothing_is_pinned_without_the_file(tmp_path: Path) -> None:
    assert _ssh.pinned_host_keys(target(tmp_path)) == ()


def test_the_fingerprint_is_that_of_ssh_keygen(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(ED + "\n")
    shown = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "key.pub")], capture_output=True, text=True, check=True)
    assert _ssh.fingerprint(ED) in shown.stdout


@pytest.mark.parametrize(
    ("pinned", "shown", "same"),
    [
        ([ED], [ED], True),
        ([ED], [ED, RSA], True),
        ([ED, RSA], [ED], True),
        ([ED], [OTHER], False),
        ([ED, RSA], [OTHER, RSA], False),
        ([ED], [RSA], False),
    ],
)
def test_same_machine(pinned: list[str], shown: list[str], same: bool) -> None:
    assert _ssh.same_machine(pinned, shown) is same


# -- our key --------------------------------------------------------------------------------------------------------


def test_a_good_key(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    assert _ssh.look_at_key(str(tmp_path / "key")).ok


@pytest.mark.parametrize(
    ("kind", "form"), [("ed25519", "RFC4716"), ("rsa", "RFC4716"), ("rsa", "PEM"), ("rsa", "PKCS8")]
)
def test_a_passphrase_is_seen(tmp_path: Path, kind: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    make_key(tmp_path / "key", "correct horse", kind, form)
    seen = _ssh.look_at_key(str(tmp_path / "key"))
    assert seen.reason is Reason.KEY_UNUSABLE
    assert "passphrase" in seen.cause


def test_a_key_that_others_may_read(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    assert "0644" in _ssh.look_at_key(str(tmp_path / "key")).cause


def test_a_missing_key(tmp_path: Path) -> None:
    assert "no such file" in _ssh.look_at_key(str(tmp_path / "key")).cause


def test_a_public_key_is_no_private_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(ED)
    (tmp_path / "key").chmod(0o600)
    assert "no private key" in _ssh.look_at_key(str(tmp_path / "key")).cause


# -- ssh's words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("torrust@192.0.2.1: Permission denied (publickey).", Reason.KEY_REJECTED),
        ("Received disconnect: Too many authentication failures", Reason.KEY_REJECTED),
        ("ssh: connect to host 192.0.2.1 port 22: Connection refused", Reason.REFUSED),
        ("ssh: connect to host 192.0.2.1 port 22: Connection timed out", Reason.TIMEOUT),
        ("ssh: connect to host fd00::1 port 22: Network is unreachable", Reason.NO_ROUTE),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            Reason.HOST_KEY_CHANGED,
        ),
        ('Load key "/k": error in libcrypto\nu@h: Permission denied (publickey).', Reason.KEY_UNUSABLE),
        ("kex_exchange_identification: read: Connection reset by peer", Reason.DROPPED),
        ("", Reason.DROPPED),
    ],
)
def test_classify(words: str, reason: Reason) -> None:
    assert _ssh.classify(words).reason is reason


def test_a_path_survives_ssh_options() -> None:
    """ssh itself says what it understood."""
    path = Path("/tmp/a b%d/known hosts")
    command = f"ssh -G -o {shlex.quote('UserKnownHostsFile=' + _ssh.option_path(path))} host"
    shown = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True).stdout
    assert f"userknownhostsfile {path}\n" in shown
