# The four commands of a checkout. Each sets up what it needs, so that a fresh clone works at once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: serve test check bench format lock coverage-of-contracts clean
.DELETE_ON_ERROR:

serve: $(READY)  ## set up and start Spaceport; ARGS="--http 0.0.0.0:8080" adds flags
	$(BIN)/spaceport serve $(ARGS)

test: $(READY)  ## set up and run the tests; ARGS="tests/spaceport -k ledger" selects
	$(BIN)/python -m pytest $(ARGS)

check: $(READY)  ## format, lint, types, then the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)

bench: $(READY)  ## run the benchmarks; ARGS="proxy" runs one
	$(BIN)/python -m benchmarks $(ARGS)

format: $(READY)  ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

coverage-of-contracts: $(READY)  ## which numbered requirements have a test
	$(BIN)/python -m tests.house.coverage_of_contracts $(ARGS)

lock: $(READY)  ## resolve every dependency anew, to the newest that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --extra postgresql --group dev pyproject.toml --output-file requirements.lock

# What is installed is what was tested, byte for byte (SC-01). pip is only the bootstrap of uv.
$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Spaceport needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "Could not make a virtual environment. On Debian and Ubuntu: apt install python3-venv"; rm -rf $(VENV); exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

clean:  ## remove what the other targets made, but never your data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
