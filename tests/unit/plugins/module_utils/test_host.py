# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pure parts of the host role: firewall rules, ufw's rules, Docker's packages and daemon, sockets."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.torrust.deployer.plugins.module_utils import (
    _host_docker,
    _host_facts,
    _host_firewall,
    _host_kernel,
    _host_sockets,
    _host_ufw,
)
from ansible_collections.torrust.deployer.plugins.module_utils._host_system import HostError, read_text, write_text


def rule(family: str, port: int, protocol: str = "udp", **more: Any) -> dict[str, Any]:
    return {
        "chain": "forward",
        "protocol": protocol,
        "port": port,
        "family": family,
        "destination": None,
        "purpose": "udp_trackers[0]",
        **more,
    }


# -- the chain for published ports -----------------------------------------------------------------------------------

# As iptables-save 1.8.11 prints them.
SAVED = """\
*filter
:DOCKER-USER - [0:0]
:TORRUST - [0:0]
-A DOCKER-USER ! -i torrust0 -o torrust0 -j TORRUST
-A DOCKER-USER -j RETURN
-A TORRUST -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A TORRUST -m conntrack --ctstate DNAT --ctproto 17 --ctorigdstport 6969 -m comment --comment "udp[0]" -j RETURN
-A TORRUST -j DROP
COMMIT
"""
RULES = [rule("ipv4", 6969), rule("ipv6", 7000), {**rule("ipv4", 22, "tcp"), "chain": "input"}]


def is_live(saved: str) -> bool:
    return _host_firewall.is_live(saved, RULES, "ipv4", "torrust0")


def test_the_live_chain_is_recognised() -> None:
    assert is_live(SAVED)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("--ctproto 17", "--ctproto udp"),
        ("RELATED,ESTABLISHED", "ESTABLISHED,RELATED"),
        ('-m comment --comment "udp[0]" ', ""),
        ("! -i torrust0 -o torrust0", "-o torrust0 ! -i torrust0"),
        ("-A DOCKER-USER ! -i", "-A DOCKER-USER -s 203.0.113.9/32 -j DROP\n-A DOCKER-USER ! -i"),
    ],
)
def test_other_ways_to_print_the_same_are_the_same(old: str, new: str) -> None:
    assert old in SAVED
    assert is_live(SAVED.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-A TORRUST -j DROP\n", ""),
        ("--ctorigdstport 6969", "--ctorigdstport 6970"),
        ("--ctproto 17", "--ctproto 6"),
        ("! -i torrust0 -o torrust0 -j TORRUST", "-i torrust0 -o torrust0 -j TORRUST"),
        ("-A DOCKER-USER ! -i torrust0 -o torrust0 -j TORRUST\n", ""),
        ("-A DOCKER-USER ! -i", "-A DOCKER-USER -j RETURN\n-A DOCKER-USER ! -i"),
        ("-A TORRUST -j DROP", "-A TORRUST -j RETURN\n-A TORRUST -j DROP"),
    ],
)
def test_a_difference_that_matters_is_seen(old: str, new: str) -> None:
    assert old in SAVED
    assert not is_live(SAVED.replace(old, new))


def test_rules_are_for_their_own_family_and_published_ports_only() -> None:
    chain = _host_firewall.chain(RULES, "ipv6")
    assert len(chain) == 3
    assert "--ctorigdstport 7000" in chain[1]


def test_a_destination_narrows_the_rule() -> None:
    (_first, line, _last) = _host_firewall.chain([rule("ipv4", 6969, destination="203.0.113.5")], "ipv4")
    assert "--ctorigdst 203.0.113.5 --ctorigdstport 6969" in line


def test_a_purpose_cannot_leave_its_comment() -> None:
    (_first, line, _last) = _host_firewall.chain([rule("ipv4", 1, purpose='x" -j ACCEPT\nCOMMIT')], "ipv4")
    assert line.count('"') == 2
    assert "\n" not in line


def test_the_script_is_a_shell_script() -> None:
    text, mode = _host_firewall.files(RULES, "torrust0")[_host_firewall.SCRIPT]
    assert mode == 0o755
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0


def test_absence_is_seen_and_hooks_are_found() -> None:
    assert not _host_firewall.is_absent(SAVED)
    assert _host_firewall.is_absent("*filter\n:DOCKER-USER - [0:0]\n-A DOCKER-USER -j RETURN\nCOMMIT\n")
    assert _host_firewall.hooks(SAVED) == [
        ["DOCKER-USER", "!", "-i", "torrust0", "-o", "torrust0", "-j", "TORRUST"],
    ]


# -- ufw -------------------------------------------------------------------------------------------------------------

ANY = "0.0.0.0/0"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "unsaid"),
        ([f"allow tcp 22 {ANY} any {ANY} in comment=746f"], "admitted"),
        ([f"limit tcp 22 {ANY} any {ANY} in"], "admitted"),
        ([f"allow_log any 22 {ANY} any {ANY} in"], "admitted"),
        ([f"allow tcp 22 {ANY} any {ANY} OpenSSH - in"], "admitted"),
        ([f"allow tcp 20:25,80 {ANY} any {ANY} in"], "admitted"),
        ([f"allow udp 22 {ANY} any {ANY} in"], "unsaid"),
        ([f"allow tcp 2222 {ANY} any {ANY} in"], "unsaid"),
        ([f"allow tcp 22 {ANY} any {ANY} out"], "unsaid"),
        ([f"allow tcp 22 {ANY} any {ANY} in_eth1"], "unsaid"),
        ([f"route:allow tcp 22 {ANY} any {ANY} in_eth1!out_eth0"], "unsaid"),
        ([f"deny tcp 22 {ANY} any {ANY} in", f"allow tcp 22 {ANY} any {ANY} in"], "refused"),
        ([f"allow tcp 22 {ANY} any {ANY} in", f"deny tcp 22 {ANY} any {ANY} in"], "admitted"),
        ([f"allow tcp 22 {ANY} any 198.51.100.0/24 in"], "restricted"),
        ([f"allow tcp 22 {ANY} any 198.51.100.0/24 in", f"deny any 22 {ANY} any {ANY} in"], "restricted"),
        ([f"deny any any {ANY} any 198.51.100.9 in", f"allow tcp 22 {ANY} any {ANY} in"], "admitted"),
    ],
)
def test_what_ufw_says_to_a_stranger_at_the_ssh_port(lines: list[str], expected: str) -> None:
    text = "*filter\n" + "".join(f"### tuple ### {line}\n-A ufw-user-input -j X\n" for line in lines)
    assert _host_ufw.verdict(_host_ufw.parse(text), "tcp", 22) == expected


def test_settings_of_ufw() -> None:
    assert _host_ufw.setting('# IPV6=no\nIPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\n', "DEFAULT_INPUT_POLICY") == "drop"
    assert _host_ufw.setting("# ENABLED=yes\n", "ENABLED") == ""


# -- Docker ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "origin", "engine", "compose", "packages", "repository"),
    [
        (("debian", "13"), "none", None, None, ("docker.io", "docker-cli", "docker-compose"), False),
        (("ubuntu", "24.04"), "none", None, None, _host_docker._FROM_DOCKER, True),
        (("debian", "12"), "docker-ce", "28.0.1", "2.30.0", (), False),
        (("debian", "12"), "docker-ce", "28.0.1", None, ("docker-compose-plugin",), False),
        (("debian", "13"), "distribution", "26.1.5+dfsg1", None, ("docker-compose",), False),
        (("ubuntu", "24.04"), "distribution", "28.2.2", None, ("docker-compose-v2",), False),
    ],
)
def test_only_what_is_missing_is_installed(
    system: tuple[str, str], origin: str, engine: str, compose: str, packages: tuple[str, ...], repository: bool
) -> None:
    assert _host_docker.need(*system, origin, engine, compose) == (packages, repository)


@pytest.mark.parametrize(
    ("origin", "engine", "compose", "code"),
    [
        ("docker-ce", "24.0.7", "2.21.0", "docker-too-old"),
        ("distribution", "20.10.24", None, "docker-too-old"),
        ("other", None, None, "docker-too-old"),
        ("docker-ce", "27.0.0", "2.20.3", "compose-too-old"),
        ("other", "27.0.0", None, "compose-too-old"),
    ],
)
def test_what_is_too_old_is_its_owners_to_upgrade(
    origin: str, engine: str | None, compose: str | None, code: str
) -> None:
    with pytest.raises(HostError) as error:
        _host_docker.need("debian", "12", origin, engine, compose)
    assert error.value.code == code


def merge(config: dict[str, Any], engine: str = "26.1.5", flags: tuple[str, ...] = (), swarm: bool = False) -> Any:
    return _host_docker.merge_daemon(config, engine, flags, swarm)


def test_keys_are_added_and_the_owners_stay() -> None:
    assert merge({"log-driver": "local", "experimental": False}).config == {
        "log-driver": "local",
        "experimental": True,
        "live-restore": True,
        "ip6tables": True,
    }
    assert merge({}, "27.0.0").config == {"live-restore": True}


def test_live_restore_is_left_off_where_the_owner_or_swarm_says_so() -> None:
    off = merge({"live-restore": False}, "28.0.0")
    assert off.config == {"live-restore": False}
    assert off.notes
    assert merge({}, "28.0.0", swarm=True).config == {}


def test_an_option_of_the_command_line_is_not_repeated() -> None:
    config = merge({}, flags=("dockerd", "--live-restore", "--ip6tables=true")).config
    assert config == {"experimental": True}


@pytest.mark.parametrize("config", [{"iptables": False}, {"ip6tables": False}, {"firewall-backend": "nftables"}])
def test_what_makes_the_stack_impossible_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(HostError):
        merge(config)


@pytest.mark.parametrize("text", ['{"debug": tru', "[]", "null"])
def test_a_broken_daemon_file_is_refused(text: str) -> None:
    with pytest.raises(HostError, match="left as it is"):
        _host_docker.parse_daemon(text)


def test_no_daemon_file_is_an_empty_one() -> None:
    assert _host_docker.parse_daemon(None) == _host_docker.parse_daemon(" \n") == {}


# -- sockets ---------------------------------------------------------------------------------------------------------

HEAD = "  sl  local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n"
REST = "00000000:00000000 00:00000000 00000000 0 0 4242 1\n"


def test_listening_sockets_are_read() -> None:
    table = (
        HEAD
        + f"0: 0100007F:1B9E 00000000:0000 0A {REST}"
        + f"1: 0100007F:1B9F 0100007F:0050 01 {REST}"
        + f"2: 00000000000000000000000001000000:1B39 00000000000000000000000000000000:0000 0A {REST}"
    )
    assert _host_sockets.parse(table, "tcp") == [
        ("tcp", "127.0.0.1", 7070, 4242),
        ("tcp", "::1", 6969, 4242),
    ]


@pytest.mark.parametrize(
    ("wanted", "taken", "clash"),
    [
        ("0.0.0.0", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("127.0.0.1", "10.0.0.1", False),
        ("0.0.0.0", "::", True),
        ("0.0.0.0", "::1", False),
        ("::", "0.0.0.0", False),
        ("::", "::1", True),
    ],
)
def test_which_sockets_stand_in_the_way(wanted: str, taken: str, clash: bool) -> None:
    publication = {"protocol": "tcp", "host_port": 7070, "host_address": wanted}
    socket = _host_sockets.Listening("tcp", taken, 7070, 1)
    assert bool(_host_sockets.clashes([publication], [socket], [])) is clash
    assert not _host_sockets.clashes([publication], [socket], [("tcp", 7070)])
    assert not _host_sockets.clashes([publication], [socket._replace(protocol="udp")], [])


# -- the rest --------------------------------------------------------------------------------------------------------


def test_the_port_we_came_by_is_found() -> None:
    environ = b"HOME=/root\0SSH_CONNECTION=192.0.2.1 50000 198.51.100.1 2222\0"
    assert _host_facts.connection_port(environ) == 2222
    assert _host_facts.connection_port(b"SSH_CONNECTION=broken\0") is None
    assert _host_facts.connection_port(b"HOME=/root\0") is None


def test_os_release_is_read() -> None:
    assert _host_facts.os_release('ID=ubuntu\nVERSION_ID="24.04"\n# x=y\n')["VERSION_ID"] == "24.04"


def test_kernel_files_are_absent_where_they_have_nothing_to_say() -> None:
    setting = {"key": "net.core.rmem_max", "value": "8388608", "why": "bursts"}
    files = _host_kernel.files([], [setting])
    assert files[_host_kernel.MODULES_FILE] is None
    assert "net.core.rmem_max = 8388608\n" in (files[_host_kernel.SETTINGS_FILE] or "")


def test_a_dot_in_the_name_of_an_interface_survives() -> None:
    assert _host_kernel.path_of("net.ipv6.conf.eth0/100.accept_ra") == "/proc/sys/net/ipv6/conf/eth0.100/accept_ra"


def test_a_refused_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "docker" / "daemon.json"
    path.parent.mkdir()
    path.write_text("old", encoding="utf-8")
    path.chmod(0o600)

    def refuse(_path: str) -> None:
        raise HostError("x", "no", "mend it")

    with pytest.raises(HostError):
        write_text(str(path), "new", check=refuse)
    assert read_text(str(path)) == "old"
    assert [entry.name for entry in path.parent.iterdir()] == ["daemon.json"]
    write_text(str(path), "new")
    assert read_text(str(path)) == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_error_of_the_host_carries_what_to_do() -> None:
    result = HostError("disk-full", "It is full.", "free some", "0 MiB").result()
    assert result["error"]["next_step"] == "free some"
    assert result["msg"].splitlines() == ["It is full.", "  | 0 MiB", "  next:  free some"]
