# Everything runs in .venv, made from the hashed lock by plain pip; `make` alone lists the targets.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test campaign fuzz bench check format states lock build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything that development needs

$(READY): pyproject.toml requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "external-gate needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## run the main job: emulator, service and sandbox gateway over real sockets
	$(BIN)/external-gate demo

test: $(READY) ## run every test, or some: TESTS=tests/engine
	$(BIN)/python -m pytest -rs $(TESTS)

campaign: $(READY) ## run simulation, deliberate faults, crash sweep, chaos, fuzzing at length: SEEDS=100000 START=0 REPORT=report.md
	$(BIN)/python -m tests.simulation.campaign --mutations --seeds $(or $(SEEDS),100000) --start $(or $(START),0) $(if $(REPORT),--report $(REPORT))
	$(BIN)/python -m tests.simulation.campaign --limits --seeds 5000
	$(BIN)/python -m tests.crashes.sweep
	$(BIN)/python -m tests.crashes.sweep --postgres
	$(BIN)/python -m tests.chaos.campaign --workflows $(or $(WORKFLOWS),20000) $(if $(REPORT),--report $(basename $(REPORT))-chaos.md)
	$(MAKE) fuzz MINUTES=$(or $(MINUTES),5)

fuzz: $(READY) ## look for hostile inputs with coverage as a guide, on Linux: MINUTES=30
	@$(BIN)/python -c 'import atheris' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-fuzz.lock
	$(BIN)/python -m tests.hostile_input.fuzz --all --minutes $(or $(MINUTES),30)

bench: $(READY) ## measure against baselines, on Linux; for a look: QUICK=1, ROWS=1,2, REPORT=page.md, JSON=file
	@$(BIN)/python -c 'import dbos, procrastinate' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-bench.lock
	$(BIN)/python -m bench $(if $(QUICK),--quick) $(if $(ROWS),--rows $(ROWS)) $(if $(REPORT),--report $(REPORT)) $(if $(JSON),--json $(JSON)) $(BENCH)

check: $(READY) ## lint, format, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

states: $(READY) ## draw docs/states.md from the code
	$(BIN)/python -m tests.states.render > docs/states.md.new && mv docs/states.md.new docs/states.md

lock: ## resolve the lock files anew (needs uv)
	uv lock --upgrade
	uv export --quiet --all-groups --no-group fuzz --no-group bench --no-emit-project --no-header --format requirements-txt --output-file requirements-dev.lock
	uv export --quiet --only-group fuzz --no-emit-project --no-header --format requirements-txt --output-file requirements-fuzz.lock
	uv export --quiet --only-group bench --no-emit-project --no-header --format requirements-txt --output-file requirements-bench.lock
	uv export --quiet --no-dev --all-extras --no-emit-project --no-header --format requirements-txt --output-file requirements.lock
	rm -f uv.lock

build: $(READY) ## build the wheel
	$(BIN)/python -m hatchling build --target wheel

clean: ## remove what was made here
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .import_linter_cache .hypothesis
