# `make run` does everything; `make help` lists the rest. PYTHON=... chooses the interpreter of the set-up.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
# What does not depend on each other is set up side by side. A make within make shares these jobs.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=3
endif
# Without cached bytecode each pytest worker rewrites the asserts of every test file again: 4 s of CPU each.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

export PIP_DISABLE_PIP_VERSION_CHECK := 1
PYTHONS := $(PYTHON) python3 python3.13 python3.12 python3.11
BIN := .venv/bin
ASL_VALIDATOR := 4.0.0
LAYER_SOURCES := layers/build.py $(wildcard layers/dependencies/requirements.*)

.PHONY: help setup dev-setup run stop test check simulate million judge-study fault-injection mutants bench screenshots lock clean system-packages

help: ## print these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

setup: .venv/.installed .venv-emulator/.installed build/layers/.built ## make what `make run` needs, and no more
dev-setup: setup .venv/.dev-installed ## add the tools of the checks and tests

TOUR := full
run: setup ## push the example service to production here; then show two test beds, or none with TOUR=short
	@$(BIN)/python -m tools.demo --tour $(TOUR)

stop: ## end the environment that `make run` left up
	@if [ -e .venv/.installed ]; then $(BIN)/python -m apps.cli.local down; else echo "nothing was ever started here"; fi

test: system-packages dev-setup build/npm/.installed ## run every check and every test
	@$(MAKE) static bandit
	@$(BIN)/python -m pytest -n 3 --no-loadscope-reorder

check: dev-setup ## what needs no emulator: style, prose, types, architecture, unit and infrastructure tests
	@$(MAKE) static bandit unit

bench: setup ## measure speed, failed requests and memory; prints JSON
	@$(BIN)/python -m tools.bench

SEEDS := 20000
simulate: dev-setup ## run the real code under SEEDS=n seeded schedules full of faults
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS)

# Long runs are done in pieces: the same command goes on, after Ctrl-C too. MINUTES=n ends a piece (with Error 75).
MINUTES :=
budget = $(if $(MINUTES),--budget $(MINUTES))
million: dev-setup ## run a million seeds, in pieces of MINUTES=n; the figures of docs/reliability.md
	@$(BIN)/python -m tests.simulation --seeds 1000000 --state build/million.json $(budget)

judge-study: dev-setup ## how often the test bed's judge is wrong, and what it finds: prints tables; about 5 minutes
	@$(BIN)/python -m tools.judge_study

fault-injection: dev-setup ## kill, double and delay every phase in the embedded environment, in pieces of MINUTES=n
	@$(BIN)/python -m tests.fault_injection --state build/fault-injection.json $(budget)

MUTANTS := 500
BUDGET := 0
mutants: dev-setup ## change MUTANTS=n places at random, one at a time, and see what tests find; goes on where it stopped
	@$(BIN)/python -m tools.mutants --count $(MUTANTS) --budget $(BUDGET)

screenshots: system-packages dev-setup ## take the pictures of the console in docs/screenshots
	@mkdir -p docs/screenshots && LIFECYCLE_SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest -q tests/integration/browser

.PHONY: static bandit unit
static:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/python -m tests.prose
	@$(BIN)/vulture
	@$(BIN)/mypy --no-error-summary layers/core/python/lifecycle apps tools $(wildcard infra tests)
	@$(BIN)/lint-imports --no-cache > .venv/lint-imports.log 2>&1 || { cat .venv/lint-imports.log; exit 1; }
	@echo "style, prose, dead code, types and imports: ok"

# A finding that is accepted has a reason, and `nosec` with its number, on its line.
bandit:
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml apps functions infra layers/core tools \
	  > .venv/bandit.log 2>&1 || { cat .venv/bandit.log; exit 1; }
	@echo "insecure calls: none"

unit:
	@$(BIN)/python -m pytest -n 2 -m "not emulator" $(wildcard tests/unit tests/architecture tests/infra)

clean: stop ## remove everything that make made
	rm -rf .venv .venv-emulator .lifecycle build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The tests need git and Chromium beside make and Python. Root may install them; others read what is missing.
system-packages:
	@missing=""; for each in git chromium; do command -v $$each > /dev/null || missing="$$missing $$each"; done; \
	[ -z "$$missing" ] || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	    echo "set-up: installing$$missing"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing \
	      > /dev/null; \
	  else echo "missing:$$missing; install it: sudo apt install$$missing" >&2; exit 1; fi; }

# A version of Python that is new enough and can make virtual environments, or a word on what to install.
define find_python
found=""; newest=""; \
for candidate in $(PYTHONS); do \
  "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1 || continue; \
  newest="$$candidate"; \
  "$$candidate" -c 'import venv, ensurepip' > /dev/null 2>&1 || continue; \
  found="$$candidate"; break; \
done; \
if [ -z "$$found" ]; then \
  if [ -n "$$newest" ]; then \
    package=$$("$$newest" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
    echo "$$newest cannot make virtual environments; install them: sudo apt install python3-venv (or $$package)" >&2; \
  else \
    echo "expected Python 3.11 or later as one of: $(strip $(PYTHONS)); found none. On Debian 12 and later:" >&2; \
    echo "sudo apt install python3 python3-venv   (or: make PYTHON=/path/to/python3 ...)" >&2; \
  fi; exit 1; \
fi
endef

# The virtual environments and the layers are made side by side, all with this pip.
$(BIN)/pip:
	@$(find_python); \
	echo "set-up: making virtual environments with $$found (0.8 GB on the disk, once)"; \
	said=$$("$$found" -m venv .venv 2>&1) || { echo "$$said" | tail -n 1 >&2; exit 1; }

.venv/.installed: requirements/run.txt pyproject.toml | $(BIN)/pip
	@$(BIN)/python tools/install.py .venv requirements/run.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-input --no-compile --no-build-isolation -e .
	@touch $@

.venv/.dev-installed: requirements/dev.txt | .venv/.installed
	@$(BIN)/python tools/install.py .venv requirements/dev.txt
	@touch $@

.venv-emulator/.installed: requirements/emulator.txt | $(BIN)/pip
	@[ -x .venv-emulator/bin/python ] || $(BIN)/python -m venv --without-pip .venv-emulator
	@$(BIN)/python tools/install.py .venv-emulator requirements/emulator.txt
	@touch $@

build/layers/.built: $(LAYER_SOURCES) | $(BIN)/pip
	@$(BIN)/python layers/build.py --platform host
	@mkdir -p $(@D) && touch $@

# The validator of state machines comes from npm only; nothing of it is kept in a lock file.
build/npm/.installed: | .venv/.installed
	@echo "set-up: installing the state machines' validator"
	@mkdir -p $(@D) && cd $(@D) && PATH="$(CURDIR)/$(BIN):$$PATH" timeout 300 npm install --silent --no-package-lock \
	  --no-save --no-audit --no-fund --prefix . asl-validator@$(ASL_VALIDATOR)
	@touch $@

# Pinned packages with the hashes of every file that PyPI has of them, resolved for the oldest Python supported.
lock: .venv/.installed ## resolve requirements/*.in again
	@rm -rf build/lock && $(BIN)/python -m venv build/lock
	@build/lock/bin/python -m pip install --quiet pip-tools
	@for name in run dev emulator peers; do \
	  CUSTOM_COMPILE_COMMAND="make lock" build/lock/bin/python -m piptools compile --quiet --no-config \
	    --generate-hashes --strip-extras --no-annotate --no-emit-index-url --no-emit-trusted-host \
	    --no-emit-find-links -o requirements/$$name.txt requirements/$$name.in || exit 1; \
	done
