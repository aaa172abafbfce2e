# The commands of the project. `make help` lists them; `make test` needs only Rust, Python 3.11 and a C linker.

PYTHON ?= python3
VENV ?= .venv-dev
BIN := $(VENV)/bin
# Virtual environments and Cargo see these; nothing of the caller's environment is changed.
export VIRTUAL_ENV := $(abspath $(VENV))
export PATH := $(abspath $(BIN)):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Reference data beside the checkout is used where it is; elsewhere the tests that need it skip.
REFERENCE := $(abspath ../shared/reference)
ifneq ($(wildcard $(REFERENCE)/chinchilla_epoch.csv),)
export SCALING_FAST_DATA ?= $(REFERENCE)
endif

RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml
PY_SOURCES := python tests $(wildcard benches/*.py)
MODULE := $(VENV)/.module
# Packages and the modules beside them; the first line of each says what it is for.
ROOMS := $(sort $(wildcard python/scaling_fast/*/__init__.py) \
  $(filter-out %/__init__.py %/__main__.py,$(wildcard python/scaling_fast/*.py)))

.DEFAULT_GOAL := help
.PHONY: help env build test test-rust test-python deep lint lint-rust lint-python fmt bench bench-test docs-check audit clean

help: ## List these commands and the rooms of the package
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nThe rooms of python/scaling_fast:\n'
	@awk 'FNR == 1 { n = split(FILENAME, part, "/"); gsub(/"""/, ""); \
	  printf "  %-14s %s\n", part[n] == "__init__.py" ? part[n - 1] "/" : part[n], $$0 }' $(ROOMS)

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"  # the first that knows --group
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

env: $(VENV)/.ready ## Make the virtual environment with the development tools

$(MODULE): $(VENV)/.ready $(RUST_SOURCES) pyproject.toml README.md
	$(BIN)/maturin develop
	touch $@

build: $(MODULE) ## Compile the core and install the package, editable, into the environment

test: test-rust test-python ## Make the environment, build, and pass every test (may take several minutes)

test-rust: ## The tests of the Rust core
	cargo test --package scaling-core

test-python: build ## The tests of the Python package, its docstrings and pages
	$(BIN)/python -m pytest --doctest-modules tests python/scaling_fast

deep: build ## The properties and basins at length: fifty truths a law, 300 examples a property (about an hour)
	SCALING_FAST_DEEP=1 $(BIN)/python -m pytest --override-ini=timeout=3600 tests/properties

lint: lint-rust lint-python ## Formatters, linters, type checkers; warnings are errors

lint-rust:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check licenses; \
	else echo "cargo-deny is not installed: the licences in deny.toml were not checked"; fi

lint-python: build
	$(BIN)/ruff check $(PY_SOURCES)
	$(BIN)/ruff format --check $(PY_SOURCES)
	$(BIN)/mypy --strict
	$(BIN)/python -m mypy.stubtest scaling_fast._core

fmt: env ## Format Rust and Python, and apply the fixes that are safe
	cargo fmt --all
	$(BIN)/ruff check --fix --quiet $(PY_SOURCES) || true
	$(BIN)/ruff format $(PY_SOURCES)

bench: build ## Measure: kernels of the core, the package beside its peers, fits beside brute force
	$(BIN)/maturin develop --release
	cargo bench --package scaling-core
	@if [ -f benches/peers.py ]; then $(BIN)/python benches/peers.py; fi
	$(BIN)/python benches/league.py
	$(BIN)/python benches/success.py
	$(BIN)/python benches/forecasts.py

bench-test: build ## Run every benchmark once, unmeasured, so that none rots
	cargo test --package scaling-core --benches
	@if [ -f benches/peers.py ]; then $(BIN)/python benches/peers.py --test; fi
	$(BIN)/python benches/league.py --test
	$(BIN)/python benches/success.py --test
	$(BIN)/python benches/forecasts.py --test

docs-check: build ## Every example of the docstrings, README and docs, and every link
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	cargo test --package scaling-core --doc
	$(BIN)/python -m pytest --doctest-modules python/scaling_fast tests/project/test_docs.py tests/project/test_readme.py

audit: build ## The main job: audit the embedded claim
	$(BIN)/scaling-fast audit

clean: ## Remove the environment, builds and caches
	cargo clean
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find python tests benches -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f python/scaling_fast/_core*.so
