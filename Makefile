# The commands of the README. Everything runs in .venv, made here from requirements.lock.
.PHONY: report smoke crate test test-slow lint bench clean

PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)
# A worker for every core. Each takes whole files, long ones first, since a file's tests share what they build.
PYTEST := $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder
# A progress display on a terminal, plain lines elsewhere.
LOGGER := $(shell [ -t 1 ] && echo "--logger rich")

report: .venv/installed
	$(SNAKEMAKE) $(LOGGER) all

smoke: .venv/installed
	$(SNAKEMAKE) $(LOGGER) --configfile config/smoke.yaml -- all

crate: .venv/installed
	$(SNAKEMAKE) $(LOGGER) crate

test: .venv/installed
	$(PYTEST) -m "not slow"

test-slow: .venv/installed
	$(PYTEST) -m slow

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

bench: .venv/installed
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit; done

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

clean:
	find results -mindepth 1 -maxdepth 1 ! -name reference -exec rm -rf {} +
	rm -rf logs .snakemake
