# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Every target that needs Python depends on the stamp of .venv, so a fresh clone needs no other command first.

.DEFAULT_GOAL := help
# What is not there yet, or differs between machines (a test's run time), is decided by the scripts, not here.
.PHONY: help venv requirements sanity

VENV := .venv
STAMP := $(VENV)/.stamp
PYTHON := $(VENV)/bin/python

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## Make .venv: Python >= 3.12, Ansible, the tools, and this collection inside it

$(STAMP): requirements-dev.txt scripts/make-venv scripts/find-python
	@scripts/make-venv

requirements: ## Resolve requirements-dev.in anew into requirements-dev.txt
	@scripts/freeze-requirements

sanity: $(STAMP) ## Run ansible-test sanity on every Python found (ARGS=path narrows it)
	@$(PYTHON) scripts/sanity.py $(ARGS)
