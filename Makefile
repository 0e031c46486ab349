# make demo   sets everything up, runs one whole night, tells where to look
# make test   sets everything up, runs all the tests, in two processes
# make soak   the tests that take longer than anybody waits for
# make check  ruff, mypy --strict, import contracts
# make bench  measures; NAME=... for one of them
SHELL := /bin/bash
PYTHON ?= python3.11
INSTALLER ?= pip
VENV := .venv
READY := $(VENV)/.ready-$(INSTALLER)
COMPILED := $(VENV)/.compiled
RUN := $(VENV)/bin
SOURCES := $(shell find flows tasks pipeline_lib deployments -name '*.py')

.PHONY: demo test soak check bench format clean-venv
.DEFAULT_GOAL := demo

demo: $(COMPILED)
	@$(RUN)/nightshift run

test: $(COMPILED)
	$(RUN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

soak: $(COMPILED)
	$(RUN)/python -m pytest -m soak tests/soak

check: $(READY)
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy --strict -p pipeline_lib
	$(RUN)/lint-imports

bench: $(COMPILED)
	$(RUN)/python -m tests.bench $(NAME)

format: $(READY)
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

# Installs from the project's own lock. torch is asked for by its exact version: a plain "torch" brings gigabytes of
# CUDA. uv is used only when asked for, since it looks elsewhere for torch.
$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Nightshift needs Python 3.11 ($(PYTHON) is not on the PATH). Install it, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Nightshift needs Python 3.11, and $(PYTHON) is another version. Name the right one: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what the lock names into $(VENV) (about 3 GB; once, some minutes) ..."
ifeq ($(INSTALLER),uv)
	@uv pip install --quiet --python $(RUN)/python --constraint constraints.txt --editable ".[dev]"
else
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
endif
	@rm -f $(VENV)/.ready-*
	@touch $@

# Python keeps the compiled code of each file by itself, unless the environment forbids it (PYTHONDONTWRITEBYTECODE, as
# in many containers): then each process would compile 150 files first, worker processes too. The kernels are compiled
# to machine code here as well: in a first night both workers would do it side by side.
$(COMPILED): $(READY) $(SOURCES)
	@echo "Compiling (once, and again what changed) ..."
	@$(RUN)/python -m compileall -q flows tasks pipeline_lib deployments
	@$(RUN)/python -m pipeline_lib.plan.warm
	@touch $@
