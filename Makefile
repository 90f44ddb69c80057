# On a machine with only Python 3.11+ and make: `make up` runs everything, `make test` checks everything.

PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.8
INSTALL = if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1); \
          else $(BIN)/python -m pip install --quiet --require-hashes -r $(1); fi

.PHONY: up demo test test-all chaos lint types bench lock clean help

help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

up: .venv/runtime ## set up, start everything, run until Ctrl-C
	@exec $(BIN)/python -m ohmycoins.local

demo: .venv/runtime ## the same with a simulator as every source, offline, on data of its own
	@exec $(BIN)/python -m ohmycoins.local --demo

test: lint types ## every check that CI runs
	@$(BIN)/python -m pytest -m "not slow"

test-all: lint types ## the same with the slow tests
	@$(BIN)/python -m pytest

lint: .venv/development
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff --quiet .; false; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-cache --config pyproject.toml > .venv/lint-imports.log || { cat .venv/lint-imports.log; false; }

types: .venv/development
	@$(BIN)/mypy

chaos: SEEDS ?= 1 2 3 4
chaos: ORDERS ?= 1000
chaos: .venv/development ## orders under fire: workers killed, a venue that fails (SEEDS="1 2" ORDERS=1000)
	@$(BIN)/python -m apps.trading.tests.chaos --seed $(SEEDS) --orders $(ORDERS)

bench: .venv/bench ## measure the product against its floors
	@$(BIN)/python -m benchmarks

lock: .venv/development ## resolve the requirements anew
	@for name in requirements requirements-dev requirements-bench; do \
	  $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	    --no-emit-index-url --no-emit-find-links $$name.in -o $$name.txt; done

clean: ## remove what was installed; data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	@echo "setting up .venv"
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv failed: on Debian, apt install python3-venv"; rm -rf .venv; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || echo "no uv: pip will do, more slowly"

.venv/runtime: requirements.txt | .venv/bin/python
	@echo "installing the locked requirements"
	@$(call INSTALL,requirements.txt)
	@touch $@

.venv/development: requirements-dev.txt | .venv/bin/python
	@echo "installing the locked requirements for development"
	@$(call INSTALL,requirements-dev.txt)
	@touch $@ .venv/runtime

.venv/bench: requirements-bench.txt .venv/development
	@echo "installing the peers to measure against"
	@$(call INSTALL,requirements-bench.txt)
	@touch $@
