# Two commands on a fresh machine: `make demo` and `make test`. Both install what they need into .venv/ first.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
WORKERS ?= 2

.PHONY: help setup demo test unit bench bench-envs bench-full check lint types imports format chaos clean
.DEFAULT_GOAL := help

help:  ## show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: .venv/installed  ## a working environment in .venv/, versions as in requirements.lock

.venv/installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(f"hintrelay needs Python 3.11 or 3.12, not {v[0]}.{v[1]}: set PYTHON=python3.11") if v not in ((3, 11), (3, 12)) else 0'
	@echo "installing into .venv/ (a few minutes, 3 GB: HintEval brings torch)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[hints,report,dev]' 2> .venv/pip.log || { tail -n 20 .venv/pip.log; exit 1; }
	@touch .venv/installed

demo: .venv/installed  ## a small sweep from data set to scored hints, everything by itself
	@$(BIN)/hintrelay demo

test: .venv/installed  ## the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

unit: .venv/installed  ## the quick tests
	$(BIN)/python -m pytest -n $(WORKERS) tests/unit

chaos: .venv/installed  ## jobs under random kills for some minutes; SEED=n draws others
	CHAOS=long SEED=$(or $(SEED),1) $(BIN)/python -m pytest tests/e2e/chaos -s --timeout 900

.venv/bench-installed: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[hints,dev,bench]' 2> .venv/pip.log || { tail -n 20 .venv/pip.log; exit 1; }
	@touch .venv/bench-installed

bench-envs: .venv/bench-installed  ## the environments of the peers, once; BENCH_ENVS=folder shares them between checkouts
	$(BIN)/python -m benchmarks --envs

bench: .venv/bench-installed  ## hintrelay beside the peers that matter, in 5 minutes; ONLY="relay submit" picks, ARGS= adds options
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(ARGS)

bench-full: .venv/bench-installed  ## all benchmarks with all peers; puts the results into benchmarks/README.md
	$(BIN)/python -m benchmarks --full --page $(if $(ONLY),--only $(ONLY)) $(ARGS)

check: lint types imports  ## what must be clean before a commit lands

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/installed
	$(BIN)/mypy

imports: .venv/installed
	$(BIN)/lint-imports

format: .venv/installed  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what make made
	rm -rf .venv benchmarks/.envs build dist *.egg-info demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis
