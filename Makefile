# make demo   sets everything up, runs one whole night, tells where to look
# make test   sets everything up, runs all the tests, in two processes
# make soak   the tests that take longer than anybody waits for
# make check  ruff, mypy --strict, import contracts
# make bench  measures; NAME=... for one of them
# make wheels collects all that is installed in the folder `wheels`, for a machine without a package index: copy it there,
#             then make demo WHEELS=wheels
# make lock   resolves anew and writes the lock; UPGRADE=... for newer versions of these packages, the others stay
# make audit  asks for known weaknesses of what the lock names; make sbom lists all of it in sbom.json (CycloneDX)
#
# PYTHON=... names the Python (3.11 to 3.14), INSTALLER=uv installs with uv.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
INSTALLER ?= pip
VENV := .venv
READY := $(VENV)/.ready-$(INSTALLER)
COMPILED := $(VENV)/.compiled
RUN := $(VENV)/bin
TOOLS := .tools
SOURCES := $(shell find flows tasks pipeline_lib deployments -name '*.py')
SUPPORTED := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
FROM := $(if $(WHEELS),--no-index --find-links $(WHEELS))
PIP := $(RUN)/python -m pip --quiet --disable-pip-version-check
INSTALL := $(if $(filter uv,$(INSTALLER)),uv pip install --quiet --python $(RUN)/python,$(PIP) install) $(FROM)

# The newest that runs: a name on the PATH may be a shim that has no such Python.
ifeq ($(origin PYTHON)$(wildcard $(RUN)/python),undefined)
PYTHON := $(shell for name in python3.14 python3.13 python3.12 python3.11; do \
	$$name -c '$(SUPPORTED)' 2>/dev/null && echo $$name && break; done)
endif

# Another Python than the environment has would be passed over without a word.
ifneq ($(filter-out undefined file,$(origin PYTHON)),)
IS := -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
ASKED := $(shell $(PYTHON) $(IS))
FOUND := $(and $(wildcard $(RUN)/python),$(shell $(RUN)/python $(IS)))
$(if $(ASKED),$(if $(FOUND),$(if $(filter $(ASKED),$(FOUND)),,$(error $(VENV) has Python $(FOUND), and PYTHON=$(PYTHON) is \
Python $(ASKED). Remove it: rm -r $(VENV); then run make again))))
endif

.PHONY: demo test soak check bench format wheels lock audit sbom
.DEFAULT_GOAL := demo

demo: $(COMPILED)
	@$(RUN)/nightshift run
	@command -v nightshift >/dev/null || echo "source $(RUN)/activate  lets this shell find nightshift"

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

$(RUN)/python:
	@test -n "$(PYTHON)" || { echo "Nightshift needs Python 3.11 to 3.14 with venv, and none on the PATH runs. Install one, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c '' || { echo "$(PYTHON) does not run. Name a Python 3.11 to 3.14: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "Nightshift needs Python 3.11 to 3.14 with venv, and $(PYTHON) is $$($(PYTHON) --version). Name another: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# In three steps. First all but torch, each file checked against the hashes of the lock. Then torch by its version alone:
# asked for by hash, pip prefers the CUDA build of an index (3 GB with its libraries) to a CPU build that lies at hand.
# Then Nightshift itself, built with what the first step brought. uv is used only when asked for, since it looks
# elsewhere for torch.
$(READY): pyproject.toml constraints.txt lock.txt | $(RUN)/python
	@test -d "$(or $(WHEELS),.)" || { echo "WHEELS=$(WHEELS) is no folder. Fill one where there is a package index: make wheels"; exit 1; }
	@test "$(INSTALLER)" != uv || command -v uv >/dev/null || { echo "INSTALLER=uv, and uv is not on the PATH. Install uv, or leave INSTALLER out: pip does it too"; exit 1; }
	@echo "Installing what the lock names into $(VENV) (about 3 GB, 6 where torch comes with CUDA; once, some minutes) ..."
	@$(INSTALL) --require-hashes --no-deps --only-binary :all: --requirement lock.txt
	@$(INSTALL) --only-binary :all: --constraint constraints.txt torch
	@$(INSTALL) --no-deps --no-build-isolation --editable .
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

wheels: | $(RUN)/python
	@$(PIP) download --dest wheels --require-hashes --no-deps --only-binary :all: --requirement lock.txt
	@$(PIP) download --dest wheels --find-links wheels --only-binary :all: --constraint constraints.txt torch
	@echo "wheels has what $$($(RUN)/python --version) on this kind of machine installs. On the other: make demo WHEELS=wheels"

# What looks after the lock lives in environments of its own, not in the one that is looked after.
lock: $(TOOLS)/uv/.ready
	@$(RUN)/python deployments/lock.py write --uv $(TOOLS)/uv/bin/uv $(UPGRADE:%=--upgrade %)

audit: $(TOOLS)/pip-audit/.ready
	@$(RUN)/python deployments/audit.py $(TOOLS)/pip-audit/bin/pip-audit

sbom: $(TOOLS)/cyclonedx-bom/.ready
	@$(RUN)/python deployments/lock.py all | PYTHONWARNINGS=ignore $(TOOLS)/cyclonedx-bom/bin/cyclonedx-py requirements \
		--pyproject pyproject.toml --output-reproducible --output-file sbom.json -
	@echo "sbom.json lists what the lock names (CycloneDX)."

$(TOOLS)/uv/.ready: TOOL := uv==0.13.8
$(TOOLS)/pip-audit/.ready: TOOL := pip-audit==2.10.1
$(TOOLS)/cyclonedx-bom/.ready: TOOL := cyclonedx-bom==7.5.0
$(TOOLS)/%/.ready: Makefile | $(RUN)/python
	@$(RUN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(TOOL)
	@touch $@
