# `make demo` and `make test` are the two commands of the README; `make help` lists the rest.
# Python >= 3.11 and make are all they need. Set PYTHON to choose the Python, VENV to put the environment elsewhere.

ifeq ($(origin PYTHON), undefined)
# The first of these that is new enough; python3 when none is, so that the message below names it.
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; exit; }; done; echo python3)
endif
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := requirements/install.py requirements/install.lock pyproject.toml
RUNBOOK ?= performance-review
# Tests wait for servers and kernels more than they compute: two at a time also on two cores. WORKERS=0: one after the other.
WORKERS ?= 2

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: demo test lab check testbed bench demo-bundle lock clean help

demo: $(VENV)/.run ## install, run the weekly performance review on the embedded demo, say where its report is
	@$(BIN)/gocoffee-ops run $(RUNBOOK) --env demo --exit-zero
	@echo
	@echo "The report's folder and the verdict stand above; open report.html in a browser."
	@echo "The demo has planted faults and a recorded incident, so CRIT is the right answer of every runbook but start-here, which asks"
	@echo "only whether the systems answer: OK. With another one, something went wrong."

test: $(VENV)/.dev ## install all that the tests need, and run them (PYTEST="tests/ui -x" and the like are handed on)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(PYTEST)

# The settings keep JupyterLab from asking, over a corner of the page, whether it may fetch news, and from looking for updates.
lab: $(VENV)/.lab ## JupyterLab on the notebooks (LAB="--no-browser" and the like are handed on)
	$(BIN)/jupyter lab --notebook-dir=notebooks "--LabApp.app_settings_dir=$(CURDIR)/deploy/jupyterlab" $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB)

check: $(VENV)/.dev ## linters, types, import contracts, notebook style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m gocoffee_ops.runbooks.lint notebooks/

testbed: $(VENV)/.dev ## start a real control plane on loopback, and print how to use it; Ctrl-C stops it
	$(BIN)/python -m tests.testbed

bench: $(VENV)/.dev build/drain3/.ready ## run the benchmarks and write docs/benchmarks.md (BENCH="pods rows": these alone)
	$(BIN)/python -m benchmarks $(BENCH)

demo-bundle: $(VENV)/.dev ## record the demo again from the testbed, with its incident (5 minutes)
	$(BIN)/python -m tests.testbed.record

lock: $(VENV)/.dev ## resolve the newest versions that pyproject.toml allows, and write requirements/*.lock
	$(BIN)/python requirements/lock.py

clean: ## remove the environment, caches and what was built; reports stay
	@if [ -e "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)"; fi
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The environment. Each stamp says that its lock file and the project are installed.
$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || { echo "make: there is no '$(PYTHON)'; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make: {} is Python {}; 3.11 or newer is needed: make PYTHON=/path/to/python3".format(sys.executable, sys.version.split()[0]))'
	@echo "creating $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv --clear "$(VENV)" || { echo "make: no virtual environment with $(PYTHON) (Debian keeps it in the package python3-venv)" >&2; rm -rf "$(VENV)"; exit 1; }

$(VENV)/.run $(VENV)/.lab $(VENV)/.dev: $(VENV)/.%: requirements/%.lock $(INSTALL) | $(BIN)/python
	@echo "installing requirements/$*.lock"
	@$(BIN)/python requirements/install.py requirements/$*.lock
	@touch $@

# A benchmark's peer, in a Python of its own.
build/drain3/.ready: requirements/drain3-build.lock requirements/drain3.lock
	@echo "installing requirements/drain3.lock"
	@"$(PYTHON)" -m venv --clear build/drain3
	@build/drain3/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/drain3-build.lock
	@build/drain3/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation -r requirements/drain3.lock
	@touch $@
