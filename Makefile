# Everything runs in .venv, which make sets up by itself from requirements-dev.txt: with uv where it is on PATH, else
# with pip. All that a machine needs is Python 3.11 or later, pip and make.

.DEFAULT_GOAL := help
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)

# The oldest first: it is the one whose absence of features we must live with. A shim may exist and not work: ask it.
PYTHON = $(or $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import os, sys; sys.version_info >= (3, 11) or sys.exit(1); print(os.path.realpath(sys.executable))' \
	2>/dev/null && break; done),$(error perdure needs Python 3.11 or later))

ifneq ($(UV),)
venv = $(UV) venv -q --clear --python $(PYTHON) .venv
install = $(UV) pip install -q --compile-bytecode --python $(BIN)/python
else
venv = $(PYTHON) -m venv --clear --without-pip .venv
install = $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install -qq
endif

.PHONY: help demo test endurance lint docs bench fuzz oracle lock clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 12

demo: .venv/ready ## An agent is killed in the middle of its answer, and finishes
	$(BIN)/perdure demo

# Tests start hundreds of processes: each would compile everything anew where nothing compiled may be kept.
test: .venv/ready ## Every test, but for those of make endurance
	$(BIN)/python -m compileall -q src tests
	$(BIN)/pytest -n auto --dist worksteal -m "not endurance"

lint: .venv/ready ## Style, format, types and the ladder of rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	$(BIN)/lint-imports --no-cache

docs: .venv/ready ## The pages that follow from the code: commands, settings, index of errors
	$(BIN)/python -m docs.generate

bench: .venv/ready ## Every benchmark, in its short form
	$(BIN)/python -m benchmarks

fuzz: .venv/ready ## N random programs under random kills (N=100000)
	PERDURE_FUZZ=$(or $(N),100000) $(BIN)/pytest -n auto -m fuzz --timeout 0

oracle: .venv/ready ## The stores against each other: N sequences of 40 operations (N=200)
	PERDURE_FUZZ=$(or $(N),200) $(BIN)/pytest -m fuzz --timeout 0 tests/stores/test_differential.py

endurance: .venv/ready ## Minutes of deaths, deploys and load (PERDURE_ENDURANCE=full: the full sizes)
	$(BIN)/pytest -n 2 --dist worksteal -m endurance

lock: $(or $(UV),$(BIN)/uv) ## Resolve requirements-dev.txt and the peers' locks; ARGS=--upgrade moves what is already pinned
	$< pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes -q \
		--python $(PYTHON) --custom-compile-command "make lock" $(ARGS) -o requirements-dev.txt
	for peer in $(basename $(wildcard benchmarks/peers/locks/*.in)); do \
		$< pip compile $$peer.in --universal --generate-hashes -q \
		--python $(PYTHON) --custom-compile-command "make lock" $(ARGS) -o $$peer.txt || exit; done

clean: ## Remove what make made
	rm -rf .venv .venv-peers .hypothesis .pytest_cache .ruff_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: .venv/locked pyproject.toml
	$(install) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	@touch $@

.venv/locked: requirements-dev.txt
	$(venv)
	$(install) --no-deps --require-hashes -r $<
	@touch $@

$(BIN)/uv: .venv/locked
	$(install) uv
