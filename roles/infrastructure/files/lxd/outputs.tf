# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

output "instance_name" {
  description = "Name of the machine"
  value       = lxd_instance.this.name
}

output "ipv4_address" {
  description = "IPv4 address of the machine"
  value       = lxd_instance.this.ipv4_address
}

output "ipv6_address" {
  description = "IPv6 address of the machine, null where it has none"
  value       = lxd_instance.this.ipv6_address
}
