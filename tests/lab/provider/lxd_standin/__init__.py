# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test-only stand-in for the OpenTofu provider terraform-lxd/lxd 3.x, for machines that cannot fetch the real one.

It answers to the real provider's address and takes the subset of its schema that the deployer uses, so that the same
HCL runs on both. Whatever the real 3.0.2 refuses (``limits``, for one) is refused here too: it is not in the schema.
"""
