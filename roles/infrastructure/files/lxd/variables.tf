# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Values come from terraform.tfvars.json, which is derived from the environment file.

variable "instance_name" {
  description = "Name of the machine (environment.instance_name)"
  type        = string
}

variable "profile_name" {
  description = "Name of its LXD profile (provider.profile_name)"
  type        = string
}

variable "instance_type" {
  description = "virtual-machine or container (provider.type)"
  type        = string
}

variable "image" {
  description = "LXD image with cloud-init, as remote:alias or a local alias (provider.image)"
  type        = string
}

variable "cpu" {
  description = "Number of CPUs (provider.cpu)"
  type        = string
}

variable "memory" {
  description = "Memory, such as 2GiB (provider.memory)"
  type        = string
}

variable "disk" {
  description = "Size of the root disk, such as 10GiB (provider.disk)"
  type        = string
}

variable "network" {
  description = "LXD network of eth0 (provider.network)"
  type        = string
}

variable "storage_pool" {
  description = "LXD storage pool of the root disk (provider.storage_pool)"
  type        = string
}

variable "extra_config" {
  description = "Further LXD settings of the machine (provider.config)"
  type        = map(string)
  default     = {}
}

variable "user_data" {
  description = "cloud-init user data: the user that logs in, and its key (ssh_credentials)"
  type        = string
}
