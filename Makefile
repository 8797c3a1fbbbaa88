# Copyright: (c) 2026, Torrust deployer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Every target that needs Python depends on the stamp of .venv, so a fresh clone needs no other command first.
# tests/run.py decides what there is to run.

.DEFAULT_GOAL := help
.PHONY: help venv lint format sanity unit test test-full bench demo demo-down build changelog requirements clean

VENV := .venv
STAMP := $(VENV)/.stamp
PYTHON := $(VENV)/bin/python
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## Make .venv: Python >= 3.12, Ansible, the tools, and this collection inside it

$(STAMP): requirements-dev.txt scripts/make-venv scripts/find-python
	@scripts/make-venv

demo: $(STAMP) ## Deploy a tracker to a fresh local guest, share a file through it, leave it running
	@tests/demo/demo up

demo-down: $(STAMP) ## Remove what the demo made
	@tests/demo/demo down

test: $(STAMP) ## Run everything: linters, types, sanity, unit tests, packages, and the lab's tests
	@$(PYTHON) tests/run.py

test-full: $(STAMP) ## Run everything and what takes long: slow tests, more examples, the demo twice
	@$(PYTHON) tests/run.py --full

bench: $(STAMP) ## Time the verbs on the lab's guests, the first time and again
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) benchmarks/verbs.py

lint: $(STAMP) ## Run the linters and the type checker
	@$(PYTHON) tests/run.py lint

sanity: $(STAMP) ## Run ansible-test sanity on every Python found (ARGS=path narrows it)
	@$(PYTHON) scripts/sanity.py $(ARGS)

unit: $(STAMP) ## Run the unit and conformance tests
	@$(PYTHON) tests/run.py unit conformance

format: $(STAMP) ## Format the Python files and sort their imports
	@ruff check --select I --fix
	@ruff format

build: $(STAMP) ## Build the wheel and the collection's archive into dist/
	@$(PYTHON) -m build --no-isolation --wheel --outdir dist .
	@ansible-galaxy collection build --force --output-path dist .

changelog: $(STAMP) ## Rewrite CHANGELOG.md with the fragments that are new since the last run
	@antsibull-changelog release --update-existing

requirements: ## Resolve requirements-dev.in anew into requirements-dev.txt
	@scripts/freeze-requirements

clean: ## Remove .venv, caches in this directory and built packages
	rm -rf .venv .cache dist build
