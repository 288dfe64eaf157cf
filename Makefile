# From a clone to a running service, with Python >= 3.11, git and make. `make` prints the list of targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := benchmarks/.venv
DIST := dist
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
# uv installs in seconds, pip in half a minute. uv does not read pip's configuration, so pip is the fallback.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) 2>/dev/null || $(PIP) install --require-hashes -r $(1)
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-package pollwire \
	--custom-compile-command "make lock"

# Processes start in half the time with compiled modules, so this stays off where an image turned it on.
export PYTHONDONTWRITEBYTECODE :=

# Two processes, each with a Valkey of its own; tests/conftest.py keeps the tests of a file together.
PARALLEL := --numprocesses 2
# Folders of tests that take long, or need the machine for themselves: faults, failover, fuzzing and
# installations. Single long cases elsewhere are marked `slow`. `make test-all` runs both.
LONG_TESTS := tests/faults tests/fuzz tests/cluster/test_failover.py tests/process/test_crashes.py \
	tests/packaging/test_installation.py tests/packaging/test_generated_clients.py

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup up docs dist test test-all long-tests check assets api-reference prose faults faketime proxies bench lock sbom audit clean dev chromium screens bench-packages

help: ## Print this list
	@echo "Pollwire: real-time polls with live results."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.setup ## Make .venv with everything the service needs, and .venv/bin/pollwire

up: setup ## Start the service with the demo polls; Ctrl-C stops it
	@exec $(BIN)/pollwire up --demo

test: dev chromium check ## Run lint, types, contracts and every test that a change needs (PYTEST="-k window" narrows it)
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL) $(LONG_TESTS:%=--ignore=%) $(PYTEST)

test-all: test long-tests ## Run `make test`, then the tests of faults, fuzzing and long histories

long-tests: dev chromium faketime proxies docs tests/packaging/node_modules/.setup tests/packaging/.venv/.setup
	$(BIN)/python -m pytest -m slow $(PARALLEL) $(LONG_TESTS:%=--ignore=%)
	$(BIN)/python -m pytest $(LONG_TESTS)

check: dev prose ## Run lint, types, import contracts and the rules for prose
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

prose: dev ## Check the rules for names and sentences
	$(BIN)/python -m pytest -q tests/architecture/test_prose.py

faults: dev faketime ## Run the fault tests of docs/guarantees.md at length; prints a table (ten minutes)
	POLLWIRE_FAULTS=long $(BIN)/python -m pytest tests/faults -q --timeout 3600 $(PYTEST)

assets: service/assets-build/node_modules/.setup ## Build the scripts and style sheets that the service serves (esbuild)
	@cd service/assets-build && node build.mjs

api-reference: ## Copy the release of Scalar that app/openapi/scalar/release.json names (needs npm)
	@cd service/assets-build && node api-reference.mjs

dist: dev ## Build the wheels, the source distributions and the npm package into dist/
	@rm -rf $(DIST) && mkdir -p $(DIST)
	@$(BIN)/python -m hatchling build --directory $(abspath $(DIST))
	@cd clients/python && $(abspath $(BIN))/python -m hatchling build --directory $(abspath $(DIST))
	@cd clients/javascript && node build.mjs && npm pack --silent --pack-destination $(abspath $(DIST))

# `--quiet` would hide warnings from `--strict`.
docs: docs/.venv/.setup ## Build the documentation site into .site (warnings are errors)
	@NO_MKDOCS_2_WARNING=1 docs/.venv/bin/python -m mkdocs build --strict
	@echo "The site is in .site/index.html"

screens: dev chromium ## Take the pictures in docs/screens again (SCREENS="widget live": only some)
	@$(BIN)/python -m tests.browser.screenshots $(SCREENS)

bench: bench-packages $(BENCH)/.setup benchmarks/peers/node_modules/.setup ## Measure speed beside peers (QUICK=1: in 3 minutes; PARTS="votes joining")
	@$(BENCH)/bin/python -m benchmarks $(if $(QUICK),--quick) $(PARTS)

lock: dev ## Pin the newest versions that pyproject.toml allows, with hashes
	$(LOCK) --upgrade --group build --output-file requirements.txt
	$(LOCK) --upgrade --group dev --constraint requirements.txt --output-file requirements-dev.txt
	$(LOCK:pyproject.toml=benchmarks/requirements.in) --upgrade --constraint requirements.txt \
		--output-file benchmarks/requirements.txt
	$(LOCK:pyproject.toml=--group docs) --upgrade --output-file docs/requirements.txt
	$(LOCK:pyproject.toml=--group clients) --upgrade --output-file tests/packaging/requirements.txt
	$(MAKE) --no-print-directory sbom

sbom: dev ## Write the bill of materials (CycloneDX) and the list of licences from requirements.txt
	$(BIN)/python -m deploy.sbom

# --strict fails for a package without an answer: an unreachable list of advisories is no pass.
audit: dev ## Search advisories for the locked packages of Python and npm (needs their registries)
	$(BIN)/uv tool run --from pip-audit==2.10.1 pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		-r requirements.txt -r requirements-dev.txt
	@for folder in tests/browser tests/packaging service/assets-build benchmarks/peers; do \
		echo "npm audit in $$folder"; (cd $$folder && npm audit --package-lock-only) || exit 1; done

clean: ## Remove what setup and the tests made (never a data folder)
	rm -rf docs/.venv tests/packaging/.venv .site $(BENCH) benchmarks/.build benchmarks/peers/node_modules tests/browser/node_modules tests/packaging/node_modules service/assets-build/node_modules
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find service clients tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments: each stamp is as new as the lock file that it was installed from ---

dev: $(VENV)/.setup-dev tests/browser/node_modules/.setup service/assets-build/node_modules/.setup

$(VENV)/.setup: $(BIN)/python requirements.txt pyproject.toml clients/python/pyproject.toml
	@echo "Installing the service into $(VENV) ..."
	@$(call INSTALL,requirements.txt)
	@$(PIP) install --no-deps --no-build-isolation --editable clients/python --editable .
	@touch $@

$(VENV)/.setup-dev: $(VENV)/.setup requirements-dev.txt
	@echo "Installing the tools of the tests into $(VENV) ..."
	@$(call INSTALL,requirements-dev.txt)
	@touch $@

# The tests check types with TypeScript and accessibility with axe. The service needs neither.
tests/browser/node_modules/.setup: tests/browser/package-lock.json
	@command -v npm >/dev/null || { [ "`id -u`" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nodejs npm >/dev/null; } || \
		{ echo "The tests need Node 18 or newer, with npm (on Debian and Ubuntu: apt-get install nodejs npm)."; exit 1; }
	@echo "Installing the tools of the browser tests ..."
	@cd tests/browser && npm ci --silent --no-audit --no-fund
	@touch $@

# The types of the npm package are checked against those of React and Vue, and types are generated from OpenAPI.
tests/packaging/node_modules/.setup: tests/packaging/package-lock.json tests/browser/node_modules/.setup
	@cd tests/packaging && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

# The generator of Python clients has a separate environment, because the service and its tests need none of it.
tests/packaging/.venv/.setup: tests/packaging/requirements.txt
	@echo "Installing the generator of Python clients into tests/packaging/.venv ..."
	@$(PYTHON) -m venv --clear tests/packaging/.venv
	@$(PIP:$(BIN)/%=tests/packaging/.venv/bin/%) install --require-hashes -r tests/packaging/requirements.txt
	@touch $@

# npm installs esbuild. Only changes of the pages need it, because the built files are checked in.
service/assets-build/node_modules/.setup: service/assets-build/package-lock.json tests/browser/node_modules/.setup
	@echo "Installing esbuild ..."
	@cd service/assets-build && npm ci --silent --no-audit --no-fund
	@touch $@

# An environment whose interpreter does not run (its Python was removed, or its creation was interrupted) is recreated.
ifneq ($(shell $(BIN)/python -c "import pip; print('runs')" 2>/dev/null),runs)
.PHONY: $(BIN)/python
endif

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "Pollwire needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) -V 2>&1`; name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || \
		{ echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements-dev.txt > $(VENV)/uv.txt
	@$(PIP) install --require-hashes -r $(VENV)/uv.txt

# Browser tests need Chromium. It is installed if possible. Otherwise they are skipped, and fail in CI.
chromium:
	@if command -v chromium || command -v chromium-browser; then :; \
	elif [ "`id -u`" = 0 ] && command -v apt-get; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; \
	fi >/dev/null || echo "Chromium could not be installed."

# Tests of wrong clocks need faketime. It is installed if possible. Otherwise they are skipped.
faketime:
	@if ls /usr/lib/*/faketime/libfaketime.so.1; then :; \
	elif [ "`id -u`" = 0 ] && command -v apt-get; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends faketime; \
	fi >/dev/null 2>&1 || echo "faketime could not be installed."

# Tests of rolling restarts need Debian's proxies. They are installed if possible. Otherwise the tests are skipped.
proxies:
	@for each in nginx caddy haproxy; do \
		PATH=$$PATH:/usr/sbin command -v $$each >/dev/null || lacking="$$lacking $$each"; \
	done; \
	if [ -n "$$lacking" ]; then \
		[ "`id -u`" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -qq -y --no-install-recommends $$lacking >/dev/null 2>&1 \
			|| echo "Not all proxies could be installed:$$lacking."; \
	fi

# The documentation site has a separate environment, because the service and its tests need none of its packages.
docs/.venv/.setup: docs/requirements.txt
	@echo "Installing the tools of the documentation site into docs/.venv ..."
	@$(PYTHON) -m venv --clear docs/.venv
	@$(PIP:$(BIN)/%=docs/.venv/bin/%) install --require-hashes -r docs/requirements.txt
	@touch $@

# The peers of the benchmark have a separate environment, packages and programs.
$(BENCH)/.setup: requirements.txt benchmarks/requirements.txt
	@echo "Installing the service and its Python peers into $(BENCH) ..."
	@$(PYTHON) -m venv --clear $(BENCH)
	@$(PIP:$(BIN)/%=$(BENCH)/bin/%) install --require-hashes -r requirements.txt -r benchmarks/requirements.txt
	@$(PIP:$(BIN)/%=$(BENCH)/bin/%) install --no-deps --no-build-isolation --editable clients/python --editable .
	@touch $@

benchmarks/peers/node_modules/.setup: benchmarks/peers/package-lock.json
	@echo "Installing the Node peers ..."
	@cd benchmarks/peers && npm ci --silent --no-audit --no-fund
	@touch $@

bench-packages:
	@lacking=; \
	for each in gcc:gcc,libc6-dev perf:linux-perf node:nodejs npm:npm; do \
		command -v "$${each%%:*}" >/dev/null || lacking="$$lacking `echo "$${each#*:}" | tr , ' '`"; \
	done; \
	test -e /usr/lib/nginx/modules/ngx_nchan_module.so || lacking="$$lacking nginx libnginx-mod-nchan"; \
	if [ -n "$$lacking" ]; then \
		[ "`id -u`" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -qq -y --no-install-recommends $$lacking >/dev/null 2>&1 \
			|| echo "Not all programs of the benchmark could be installed:$$lacking."; \
	fi
