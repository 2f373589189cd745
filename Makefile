# Two commands: make demo, make test. Each sets up what it needs, once; all else is in .venv.

PYTHON ?= python3
BIN := .venv/bin
TEST_WORKERS ?= 2

.PHONY: demo test lint lock clean

demo: .venv/ready
	$(BIN)/truyvet demo

# The loops are compiled once, not by every test process.
test: .venv/ready
	@$(BIN)/python -c 'from infrastructure.graph import warm_up; warm_up()'
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# pip of the outer Python installs, so that neither ensurepip nor a newer pip is needed.
.venv/ready: requirements.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit("truyvet needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	rm -rf .venv
	$(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet --no-input --require-hashes -r requirements.lock
	$(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet --no-input --no-deps --no-build-isolation --editable .
	touch $@

# Needs pip-tools; hashes of every wheel, no address.
lock:
	pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	    --no-header --no-annotate --allow-unsafe --all-extras --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv demo-output
