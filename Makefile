# Everything here sets itself up: Python 3.11 or newer and make are all that a machine needs.
#   make demo    simulate a scene, train, score, evaluate, write a report
#   make test    every check and every test; what CI runs
#   make quick   the checks, and the tests that take a moment each
#   make check   the checks alone: style, types, import floors
#   make docs     the documentation as a site in site/, links checked
#   make wheel   a wheel in dist/
#   make clean   remove what the above made, the virtual environment too

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
# For other package sources, such as PyTorch's own index for a CPU or CUDA build (CONTRIBUTING.md).
INSTALL_ARGS ?=
export INSTALL_ARGS
# Test processes at once.
JOBS ?= 2
SHELL := /bin/sh
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One thread per process: test processes that each take all cores wait for one another.
# A test file stays in one process: its tests share what it trains or installs.
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 "$(BIN)/python" -m pytest -n $(JOBS) --dist loadfile

.PHONY: demo test quick check docs wheel setup clean
.DEFAULT_GOAL := test

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: normalcy needs Python 3.11 or newer, '$(PYTHON)' is not; try: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x "$(BIN)/python" || "$(PYTHON)" -m venv "$(VENV)"
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check $(INSTALL_ARGS) -c constraints.txt -e '.[dev,log]'
	@touch "$@"

demo: $(STAMP)
	"$(BIN)/normalcy" demo --out demo

test: check docs
	$(PYTEST) --durations=15

quick: check
	$(PYTEST) -m "not slow"

check: $(STAMP)
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"
	"$(BIN)/lint-imports"

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 "$(BIN)/mkdocs" build --quiet --strict

wheel: $(STAMP)
	rm -rf build
	"$(BIN)/python" -m build --wheel

clean:
	rm -rf "$(VENV)" build dist demo site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
