# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules belong to the lab's bridge."""

from __future__ import annotations

from ansible_collections.torrust.deployer.tests.lab._leftovers import rules_of

LISTING = """-P INPUT ACCEPT
-P FORWARD DROP
-N DOCKER-USER
-N lxd_nic_lxdbr0
-N lxd_nic_lxdbr1
-A INPUT -i lxdbr0 -p tcp -m tcp --dport 53 -m comment --comment "generated for LXD network lxdbr0" -j ACCEPT
-A INPUT -i lxdbr1 -p tcp -m tcp --dport 53 -m comment --comment "generated for LXD network lxdbr1" -j ACCEPT
-A FORWARD -i lxdbr0 -j ACCEPT
-A FORWARD -i lxdbr0 -m comment --comment "generated for LXD network lxdbr0" -j lxd_nic_lxdbr0
"""


def test_only_what_lxd_made_for_this_bridge_and_the_chain_last() -> None:
    comment = ["-m", "comment", "--comment", "generated for LXD network lxdbr0", "-j"]
    assert list(rules_of("lxdbr0", LISTING)) == [
        ["-D", "INPUT", "-i", "lxdbr0", "-p", "tcp", "-m", "tcp", "--dport", "53", *comment, "ACCEPT"],
        ["-D", "FORWARD", "-i", "lxdbr0", *comment, "lxd_nic_lxdbr0"],
        ["-F", "lxd_nic_lxdbr0"],
        ["-X", "lxd_nic_lxdbr0"],
    ]


def test_nothing_of_it_is_nothing_to_do() -> None:
    assert list(rules_of("lxdbr2", LISTING)) == []
