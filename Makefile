.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install -qq --constraint constraints.txt
GROUPS := test tutorials check docs changelog

# `make test WORKERS=0` stays in one process; `make test TESTS=tests/circuits` runs one room.
WORKERS ?= 2
TESTS ?= tests
EXAMPLES := $(addprefix tests/examples/test_,example.py author_page.py strangers.py)
DOCTESTS ?= circuits/jackfield_circuits toolkit/jackfield plugins/jackfield_plugins
PYTEST = OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --doctest-modules $(TESTS) $(DOCTESTS)

RUNTIME := $(VENV)/.stamp-runtime
DEVELOP := $(VENV)/.stamp-develop

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: venv
venv: $(DEVELOP) ## Make the virtual environment, with all that tests, checks and docs need

$(RUNTIME): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found: name one, as in make PYTHON=/path/to/python" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip
	$(INSTALL) --editable .
	@touch $@

$(DEVELOP): $(RUNTIME)
	$(INSTALL) $(GROUPS:%=--group %)
	@touch $@

.PHONY: versions
versions: $(DEVELOP) ## Print the versions of what runs here
	@echo "GNU Make $(MAKE_VERSION)"
	@$(BIN)/python --version
	@$(BIN)/python -m pip freeze --all | grep -E '^(pip|torch|transformers|transformer-lens|sae-lens|networkx|pytest|ruff|mypy|mkdocs)=='

.PHONY: demo
demo: $(RUNTIME) ## Find and draw a circuit in the embedded model: out/demo/report.html
	$(BIN)/jackfield run tutorials/demo.yaml --out out/demo

.PHONY: test
test: $(DEVELOP) ## Run the tests that take seconds
	$(PYTEST)

.PHONY: test-all
test-all: $(DEVELOP) ## Run every test, also those that take minutes
	$(PYTEST) -m "slow or not slow"

.PHONY: examples
examples: $(DEVELOP) ## Install the example from its wheel, follow the page for authors, run beside broken plugins
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) -m slow $(EXAMPLES)

.PHONY: tutorials
tutorials: $(DEVELOP) ## Execute the tutorials and write them as notebooks
	OMP_NUM_THREADS=1 $(BIN)/python tutorials/execute.py

.PHONY: check
check: lint format types imports docs ## Check style, types, import contracts and documentation

.PHONY: lint
lint: $(DEVELOP)
	$(BIN)/ruff check

.PHONY: format
format: $(DEVELOP)
	$(BIN)/ruff format --check

.PHONY: types
types: $(DEVELOP)
	$(BIN)/mypy

.PHONY: imports
imports: $(DEVELOP)
	$(BIN)/lint-imports --no-logo

.PHONY: docs
docs: $(DEVELOP) ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.PHONY: bench
bench: $(DEVELOP) ## Run the benchmarks; results go to out/bench/ and docs/performance.md
	$(BIN)/python -m tests.benchmarks --page docs/performance.md

.PHONY: peers
peers: out/peers/pyvene/.stamp out/peers/auto_circuit/.stamp ## Install the packages that `make bench` compares with, each in its own environment

out/peers/pyvene/.stamp:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install -qq $$(grep '^torch==' constraints.txt) transformers==5.23.0 pyvene==0.1.8
	@touch $@

out/peers/auto_circuit/.stamp:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install -qq $$(grep '^torch==' constraints.txt) auto-circuit==1.0.1 \
		transformer-lens==2.18.0 transformers==4.57.6 attrs 'pyarrow<21'
	@touch $@

.PHONY: changelog
changelog: $(DEVELOP) ## Show the changelog entry that the next release would get
	$(BIN)/towncrier build --draft

.PHONY: constraints
constraints: ## Refresh constraints.txt with the newest versions that pyproject.toml allows
	rm -rf out/constraints
	$(PYTHON) -m venv out/constraints
	out/constraints/bin/python -m pip install -qq --upgrade pip
	out/constraints/bin/python -m pip install -qq --editable . $(GROUPS:%=--group %) $$(grep '^torch==' constraints.txt)
	@head -n 2 constraints.txt > out/constraints/pins
	@out/constraints/bin/python -m pip freeze --all --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' \
		| grep -v -E '^(cuda|nvidia|triton)' | sed 's/+.*//' | LC_ALL=C sort -f -t= -k1,1 >> out/constraints/pins
	mv out/constraints/pins constraints.txt

.PHONY: clean
clean: ## Remove the virtual environment and everything built
	rm -rf $(VENV) out site dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
