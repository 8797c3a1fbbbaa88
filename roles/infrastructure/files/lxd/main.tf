# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One machine on a local LXD, with a profile of its own that holds its size, disk and network.
# Env keys: provider.*, environment.instance_name, ssh_credentials.*. Provider: https://github.com/terraform-lxd/terraform-provider-lxd

terraform {
  required_version = ">= 1.10.0"

  required_providers {
    lxd = {
      source  = "terraform-lxd/lxd"
      version = "~> 3.0"
    }
  }
}

provider "lxd" {
  remote {
    name    = "local"
    address = "unix://"
  }
}

resource "lxd_profile" "this" {
  name = var.profile_name

  config = {
    "limits.cpu"    = var.cpu
    "limits.memory" = var.memory
  }

  device {
    name = "root"
    type = "disk"

    properties = {
      path = "/"
      pool = var.storage_pool
      size = var.disk
    }
  }

  device {
    name = "eth0"
    type = "nic"

    properties = {
      network = var.network
    }
  }
}

resource "lxd_instance" "this" {
  name     = var.instance_name
  type     = var.instance_type
  image    = var.image
  profiles = [lxd_profile.this.name]

  # The user data come last: without them nobody could log in.
  config = merge(var.extra_config, {
    "user.user-data" = var.user_data
  })

  wait_for {
    type = "ipv4"
  }
}
