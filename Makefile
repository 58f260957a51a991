# All commands of a checkout. `make` lists them. Nothing is written outside the checkout.

PYTHON ?= python3
LOWEST_PYTHON ?= python3.11
PYTEST_ARGS ?=
# Many tests wait, so six workers keep two cores busy. Each holds up to 450 MB, one twice that.
WORKERS ?= 6
# The port of `make airflow`.
PORT ?= 8080

VENV := .venv
LOWEST_VENV := .venv-lowest
CONSTRAINTS := constraints/airflow-3.3.txt
LOWEST_CONSTRAINTS := constraints/airflow-3.2.txt
PRERELEASE_VENV := .venv-prerelease
DISTRIBUTED_VENV := .venv-distributed
DISTRIBUTED_CONSTRAINTS := constraints/distributed.txt
BIN := $(VENV)/bin
# The order of the modules is the one of tests/conftest.py.
PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PYTEST = -m pytest $(PARALLEL) $(PYTEST_ARGS)
# Most mistakes, and differences between Python versions, show without thousands of generated examples.
QUICK := not hypothesis and not slow and not distributed and not exhaustive
# Generated examples are about plain code, and so are files that are only read: once is enough for all environments.
ENVIRONMENT := not hypothesis and not once and not distributed and not exhaustive

# Caches, temporary files and Airflow's own home stay in the checkout, whoever runs this.
CACHE := $(CURDIR)/.cache
export UV_CACHE_DIR := $(CACHE)/uv
export UV_PYTHON_DOWNLOADS := never
# Use the system's certificates, like pip: networks with their own certificate authority need this.
export UV_NATIVE_TLS ?= true
export UV_SYSTEM_CERTS ?= true
export PIP_CACHE_DIR := $(CACHE)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export XDG_CACHE_HOME := $(CACHE)/xdg
export TMPDIR := $(CACHE)/tmp
export AIRFLOW_HOME := $(CACHE)/airflow
unexport VIRTUAL_ENV
unexport PYTHONHOME
# Without bytecode every process compiles Airflow again, which takes longer than most tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo airflow check test coverage test-lowest test-pythons test-prerelease test-faults fuzz test-distributed lint types docs pictures screenshots format \
    constraints wheel distributions bench bench-smoke clean

help: ## list these targets
	@echo "Run the demo with make demo, and the tests with make test. All targets:"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: $(VENV)/.ready ## launch a campaign on a real Airflow against the emulator
	@$(BIN)/python demo/launch.py

airflow: $(VENV)/.ready ## run a whole Airflow with the emulator, months of campaigns and the example DAGs, until Ctrl-C
	@$(BIN)/python demo/serve.py --port $(PORT)

check: lint types ## check style and types, and run the quick tests of client, triggers, imports and docs, without DAGs; under 90 seconds
	@$(BIN)/python -m pytest -q $(PARALLEL) -m "$(QUICK) and not airflow and not bulk" $(PYTEST_ARGS) tests/client tests/triggers tests/imports tests/docs

test: $(VENV)/.ready ## run the tests on the newest supported Airflow
	@echo "==> Running the tests on $$(scripts/versions $(BIN)/python)"
	@$(BIN)/python $(PYTEST)

coverage: $(VENV)/.ready ## run the tests as make test does, measure the branches of client and operators, and fail below 95 %
	@echo "==> Running the tests on $$(scripts/versions $(BIN)/python), and measuring"
	@rm -rf $(CACHE)/coverage
	@mkdir -p $(CACHE)/coverage
	@$(BIN)/coverage run $(PYTEST)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

test-lowest: $(LOWEST_VENV)/.ready ## run the tests on the lowest supported Airflow and Python
	@echo "==> Running the tests on $$(scripts/versions $(LOWEST_VENV)/bin/python)"
	@$(LOWEST_VENV)/bin/python -m pytest $(PARALLEL) -m "$(ENVIRONMENT)" $(PYTEST_ARGS)

test-pythons: $(VENV)/.ready ## run the tests that need no scheduler on every other installed and supported Python
	@scripts/pythons $(VENV) $(CONSTRAINTS) $(PARALLEL) -m "$(QUICK)" $(PYTEST_ARGS) \
	    tests/client tests/triggers tests/imports

test-prerelease: $(VENV)/.ready ## run the tests on the newest Airflow, including betas and candidates; reports failures
	@scripts/prerelease $(PRERELEASE_VENV) $(PYTHON) $(PARALLEL) $(PYTEST_ARGS)

test-faults: $(VENV)/.ready ## test every write with every fault, thousands of races, and every argument with every odd value; an hour
	@echo "==> Running the fault matrix on $$(scripts/versions $(BIN)/python)"
	@$(BIN)/python -m pytest -m exhaustive -n $(WORKERS) --dist load $(PYTEST_ARGS) tests/faults tests/airflow/test_odd_arguments.py \
	    tests/airflow/test_search_scale.py

fuzz: $(VENV)/.ready ## test with new hostile input, with new examples of every property, and with kills during writes; a quarter of an hour
	@echo "==> Fuzzing on $$(scripts/versions $(BIN)/python)"
	@HYPOTHESIS_PROFILE=full $(BIN)/python -m pytest -n $(WORKERS) --timeout 3600 $(PYTEST_ARGS) tests/fuzz tests/emulator/store/test_persistence.py
	@HYPOTHESIS_PROFILE=full $(BIN)/python -m pytest -n $(WORKERS) --timeout 3600 -m "hypothesis and not exhaustive" $(PYTEST_ARGS) \
	    --ignore tests/fuzz --deselect tests/emulator/store/test_persistence.py tests

test-distributed: $(DISTRIBUTED_VENV)/.ready ## test LocalExecutor and CeleryExecutor while workers, triggerer and library are killed, and S3; minutes
	@echo "==> Running schedulers, workers and triggerers on $$(scripts/versions $(DISTRIBUTED_VENV)/bin/python)"
	@$(DISTRIBUTED_VENV)/bin/python -m pytest -m distributed $(PYTEST_ARGS) tests/distributed tests/campaigns/state

lint: $(VENV)/.ready ## check style and formatting, and the workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	@$(BIN)/zizmor --offline --quiet --no-progress --persona pedantic .github

types: $(VENV)/.ready ## check types
	@$(BIN)/mypy

docs: $(VENV)/.ready ## build the documentation as a website into build/docs, with its links and anchors checked
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "Open build/docs/index.html in a browser."

pictures: $(VENV)/.ready ## draw the diagrams of the documentation again, from the tables of the code
	@$(BIN)/python -m scripts.pictures

screenshots: $(VENV)/.ready ## take the pictures of Airflow's pages again, from a real Airflow in Chromium
	@$(BIN)/python -m scripts.calendar_pictures
	@OFFER_LIBRARY_PICTURES=1 $(BIN)/python -m pytest -m distributed tests/distributed/test_story.py

format: $(VENV)/.ready ## format the sources and apply automatic fixes
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(VENV)/.ready ## compare waiting, writing, reading and parsing with other libraries; about half an hour
	@$(BIN)/python -m benchmarks

bench-smoke: $(VENV)/.ready ## run every benchmark with small numbers; about a minute, writes nothing
	@$(BIN)/python -m benchmarks --smoke

constraints: $(VENV)/.ready ## pin every environment again, each at the date in its input file
	@scripts/pin $(BIN)/uv constraints/*.in

wheel: $(VENV)/.ready ## build the wheel into dist/
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist .

distributions: $(VENV)/.ready ## build the wheel and the source distribution into dist/, and check them as PyPI does
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist .
	@$(BIN)/twine check --strict dist/*

clean: ## remove everything that the other targets created
	rm -rf $(VENV) $(VENV)-3.1? $(LOWEST_VENV) $(PRERELEASE_VENV) $(DISTRIBUTED_VENV) .cache .demo .airflow build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.ready: $(CONSTRAINTS) pyproject.toml scripts/environment
	@scripts/environment $(VENV) $(CONSTRAINTS) $(PYTHON) python3.13 python3.12 python3.11

$(LOWEST_VENV)/.ready: $(LOWEST_CONSTRAINTS) pyproject.toml scripts/environment
	@scripts/environment $(LOWEST_VENV) $(LOWEST_CONSTRAINTS) --exactly-3.11 $(LOWEST_PYTHON) $(PYTHON)

$(DISTRIBUTED_VENV)/.ready: $(DISTRIBUTED_CONSTRAINTS) pyproject.toml scripts/environment
	@scripts/environment $(DISTRIBUTED_VENV) $(DISTRIBUTED_CONSTRAINTS) $(PYTHON) python3.13 python3.12 python3.11
