# make help says what there is. Every target makes the environment it needs first (.venv and .l2kit) and reuses it.
#   make PYTHON=/path/to/python3 ...   choose the Python (3.10 to 3.13) that .venv is made with
#   make demo ARGS="--payments x.csv"  pass flags on

# Python keeps what it has compiled, whatever the environment says: every service is a process that starts anew.
unexport PYTHONDONTWRITEBYTECODE
MAKEFLAGS += --no-print-directory --silent
SHELL := /bin/sh
BIN := .venv/bin
BOOTSTRAP := toolkit/toolchain/bootstrap.py
PYTEST := $(BIN)/python -m pytest

# The first Python that runs and is in range, or else whatever python3 there is, to be refused with a reason. A pyenv
# shim for a version that is not active is there and does not run.
ifeq ($(PYTHON),)
find_python = for python in python3 python3.13 python3.12 python3.11 python3.10; do \
	"$$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && break; \
	done || python=python3;
# the environment that is there answers sooner than a search for Python
is_ready = [ -x $(BIN)/python ] && $(BIN)/python -I $(BOOTSTRAP) --ready 2>/dev/null
else
find_python = python="$(PYTHON)";
is_ready = false
exact := --exact
endif
runs = "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null || \
	{ echo "l2kit: $$python is not there, or is no Python 3.10 to 3.13: install one, or say make PYTHON=/path/to/it" >&2; exit 1; };
prepare = $(find_python) $(runs) exec "$$python" $(BOOTSTRAP)

# l2kit ends when this make does, also after its kill -9
owned = L2KIT_OWNER=$$PPID

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick check format docs gas gas-snapshot ape lock clean venv-demo venv-test

help:
	echo "make demo        deploy, pay through every protocol, check every balance, show the gas (ARGS=... for flags)"
	echo "make test        check, then the whole test suite"
	echo "make test-quick  the tests that need no node (ARGS=... for pytest)"
	echo "make check       ruff, mypy --strict, forge fmt and forge lint"
	echo "make format      format Python and Solidity"
	echo "make docs        write anew what is made from the code in docs/: the reference and the pictures"
	echo "make gas         what every technique costs (ARGS=\"--n 1,10,100\" for a shorter run)"
	echo "make gas-snapshot  measure all gas anew and keep it in toolkit/gas/gas.json (some minutes)"
	echo "make ape ARGS=...  ape with the pinned node and compiler, for example ARGS=\"run demo\""
	echo "make lock        regenerate the locks of the Python and npm packages"
	echo "make clean       remove .venv, .l2kit and every cache"

demo: venv-demo
	$(owned) exec $(BIN)/l2kit demo all $(ARGS)

gas: venv-demo
	$(owned) exec $(BIN)/l2kit gas $(ARGS)

gas-snapshot: venv-demo
	$(owned) exec $(BIN)/l2kit gas --fresh --skip-vanish --snapshot toolkit/gas/gas.json >/dev/null

test: check
	exec $(PYTEST) -n 2 --dist worksteal $(ARGS)

test-quick: venv-test
	exec $(PYTEST) -m "not node and not slow" $(ARGS)

check: venv-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet || { echo "l2kit: run make format" >&2; exit 1; }
	$(BIN)/mypy
	$(BIN)/python -m toolkit.toolchain fmt --check || { echo "l2kit: run make format" >&2; exit 1; }
	exec $(BIN)/python -m toolkit.toolchain lint

format: venv-test
	$(BIN)/ruff check --quiet --fix --exit-zero
	$(BIN)/ruff format --quiet
	exec $(BIN)/python -m toolkit.toolchain fmt

docs: venv-test
	exec $(BIN)/python -m toolkit.reference

ape: venv-test
	exec $(BIN)/ape $(ARGS)

lock: venv-test
	exec $(BIN)/python -m toolkit.toolchain lock

clean:
	rm -rf .venv .l2kit .mypy_cache .ruff_cache .pytest_cache .hypothesis .build contracts/.cache dist
	find toolkit tests scripts examples -type d \( -name __pycache__ -o -name .hypothesis \) -prune -exec rm -rf {} +

venv-demo:
	$(is_ready) demo || { $(prepare) $(exact) demo; }

venv-test:
	$(is_ready) test || { $(prepare) $(exact) test; }
