# Every target makes .venv first if it is missing, or older than pyproject.toml, package.json or one of the locks.
PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
CLIENT := docs/typescript
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix $(CLIENT) --loglevel=error
COMPILE := $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --only-binary :all: \
	--generate-hashes --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup run demo test fuzz simulate faults soak bench check format client lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## make a fresh .venv from the lock, with fairpool in it

run: $(READY) ## run the whole service here, with the sample week open; Ctrl-C stops it
	$(BIN)/fairpool up --sample $(ARGS)

demo: $(READY) ## play the sample week with 250 players, then audit it
	$(BIN)/fairpool demo $(ARGS)

test: $(READY) ## run all tests; a part of them with ARGS="tests/ledger -k draw"
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 4 --dist worksteal $(ARGS)

fuzz: $(READY) ## send what nobody should: requests, bodies, tokens, webhooks, messages; ARGS="feed --seconds 600 --seed 7"
	$(BIN)/python -m tests.fuzz $(ARGS)

simulate: $(READY) ## simulate weeks in which everything goes wrong; ARGS="--weeks 20000 --seed 7"
	$(BIN)/python -m tests.simulation $(ARGS)

faults: $(READY) ## break processes, servers, disks and networks under load, and ask witnesses; ARGS="--seed 7"
	$(BIN)/python -m tests.faults $(ARGS)

soak: $(READY) ## load the service for as long as it is told, and look at its memory; ARGS="--minutes 480 --faults"
	$(BIN)/python -m tests.faults.soak $(ARGS)

bench: $(READY) ## measure the figures of docs/performance.md beside their peers; ARGS="--quick" for a rough table
	$(BIN)/fairpool bench $(ARGS)

check: $(READY) ## check format, lint, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## format the code, and mend what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

client: $(READY) ## write the TypeScript client's schema anew, from the API's OpenAPI document
	$(BIN)/fairpool openapi > $(VENV)/openapi.json
	$(NPM) run --silent generate -- "$(CURDIR)/$(VENV)/openapi.json"

lock: ## pin what pyproject.toml asks for, with hashes; needs uv
	$(COMPILE) --group build --output-file requirements.lock
	$(COMPILE) --group build --group dev --constraints requirements.lock --output-file requirements-dev.lock

clean: ## remove .venv, node_modules, builds and caches; the ledger in .fairpool stays
	rm -rf $(VENV) $(CLIENT)/node_modules $(CLIENT)/dist build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements-dev.lock pyproject.toml $(CLIENT)/package.json $(CLIENT)/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fairpool needs Python 3.11 or newer: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "$(PYTHON) lacks venv or ensurepip: install them (on Debian the package python3-venv)" >&2; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip --disable-pip-version-check check --quiet
	$(NPM) ci > /dev/null
	@touch $@
