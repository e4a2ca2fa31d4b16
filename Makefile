# Strongroom. `make run` and `make test` set themselves up: Python 3.11 or newer and its pip are all they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than the cores: many tests wait for processes that they have started.
WORKERS ?= 3

.PHONY: setup run demo test check bench soak sdk-api lock
.DEFAULT_GOAL := run

# One shell function for every target: installs what the file named by its argument locks, unless that was done.
# The stamp holds the lock files' sums, the Python and the place, since a moved environment does not work.
# A first start of two homes at once is kept apart by flock, where there is one.
define SET_UP
set -eu; \
exec 9>.venv.lock; if command -v flock >/dev/null 2>&1; then flock 9; fi; \
version=$$($(PYTHON) -c 'import sys; print(sys.version.split()[0]); sys.exit(sys.version_info < (3, 11))' 2>/dev/null) || { \
  echo "strongroom: Python 3.11 or newer is needed, '$(PYTHON)' is $${version:-not there}: make PYTHON=/path/to/python3" >&2; exit 1; }; \
wanted="$$(cat requirements.txt requirements-dev.txt | cksum) $$version $$PWD"; \
if ! grep -sqxF "$$wanted" $(VENV)/$(1).stamp $(VENV)/requirements-dev.stamp; then \
  if ! grep -sqxF "$$wanted" $(VENV)/made.stamp; then \
    echo "strongroom: making $(VENV)"; rm -rf $(VENV); \
    $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
      echo "strongroom: $(PYTHON) -m venv failed (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }; \
    printf '%s\n' "$$wanted" >$(VENV)/made.stamp; \
  fi; \
  echo "strongroom: installing $(1).txt"; \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: --require-hashes \
    -r $(1).txt || { echo "strongroom: pip could not install $(1).txt" >&2; exit 1; }; \
  printf '%s\n' "$$wanted" >$(VENV)/$(1).stamp; \
fi; \
exec 9>&-
endef

# What a server needs where the parts run one by one: everything is installed and built, and nothing started.
setup:
	@$(call SET_UP,requirements); client/build.sh $(BIN)/python

# exec, so that the launcher is make's own child: make hands a SIGTERM on to it and waits.
run:
	@$(call SET_UP,requirements); client/build.sh $(BIN)/python; exec $(BIN)/python -m db run

demo:
	@$(call SET_UP,requirements); client/build.sh $(BIN)/python; exec $(BIN)/python -m db demo

# Bytecode is kept even where the environment forbids that: the tests start many processes.
test: check
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --cov --cov-report=term:skip-covered --durations=10

# The console is checked beside pyright: either keeps one core busy.
check:
	@$(call SET_UP,requirements-dev)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@client/build.sh $(BIN)/python check & console=$$!; failed=0; \
	$(BIN)/pyright --project pyproject.toml --warnings || failed=1; \
	wait $$console || failed=1; exit $$failed

bench:
	@$(call SET_UP,requirements-dev)
	@$(BIN)/python -m bench
	@$(BIN)/python -m bench.lists
	@$(BIN)/python -m bench.writes
	@$(BIN)/python -m bench.scale
	@$(BIN)/python -m bench.processes
	@$(BIN)/python -m bench.memory
	@$(BIN)/python -m bench.start
	@$(BIN)/python -m bench.freshness
	@$(BIN)/python -m bench.backfill
	@$(BIN)/python -m bench.proof
	@PYTHONPATH=sdk/src $(BIN)/python -m bench.sdk
	@$(BIN)/python -m bench.page

soak:
	@$(call SET_UP,requirements-dev); exec $(BIN)/python -m bench.soak

# The typed helpers of the SDK, from schema.graphql and the operations; a test tells when they are to be made again.
sdk-api:
	@$(call SET_UP,requirements-dev); exec $(BIN)/python -m sdk.generator

# The locks name no index: whoever installs uses their own. Extras stay in the pins: without them an older pip takes
# the newest release for `x[extra]`, finds it unlocked, and stops. uv is only needed here, so it is not locked.
lock:
	@rm -rf .lock && $(PYTHON) -m venv .lock && .lock/bin/python -m pip install --quiet uv
	@for name in requirements requirements-dev client/requirements; do \
	  .lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-config --no-strip-extras \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	    $$name.in -o $$name.txt || exit 1; done
	@rm -rf .lock
