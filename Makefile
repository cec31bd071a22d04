# Two commands do everything: `make run` and `make test`. They need Python 3.11 or newer, and no database.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links
# uv is several times faster, but knows nothing of a pip.conf (a company's mirror, proxy or certificate): then pip does it.
INSTALL = @echo "installing from $(1)"; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) || { \
		echo "uv could not; pip, which reads this machine's pip.conf, tries now"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); }

# What measures or tries things out gets a server of its own. It does not wait for the disk, except for the API.
DEVSERVER = DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m devserver $(BIN)/python
SERVED = DATA_DIR=.data/bench DATABASE_DURABLE=off $(DEVSERVER)
SERVED_DURABLE = DATA_DIR=.data/bench-durable $(DEVSERVER)

.DEFAULT_GOAL := help
.PHONY: help install run check test coverage lint format test-browser bench bench-quick bench-growth chaos screenshots size types lock

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

install: $(VENV)/.run-installed ## Make .venv and install what the service needs, from the lock.

run: install ## Serve with demo data and an embedded PostgreSQL on 127.0.0.1:$PORT (8000).
	@exec env EXIT_WITH_PARENT=$$PPID $(BIN)/python -m devserver

test: $(VENV)/.dev-installed ## Run the tests, in parallel, on an embedded PostgreSQL or on DATABASE_URL.
	$(BIN)/pytest -n auto $(ARGS)

check: lint test ## Everything that CI runs.

coverage: $(VENV)/.dev-installed ## Run the tests with branch coverage and print what is not covered.
	$(BIN)/pytest -n auto --cov --cov-branch --cov-report=term-missing:skip-covered $(ARGS)

test-browser: $(VENV)/.dev-installed ## Run the tests that need Chromium, and say which were skipped and why.
	$(BIN)/pytest -m browser -rs $(ARGS)

lint: $(VENV)/.dev-installed ## Check style, types, architecture and migrations.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	@# Nothing here needs a database. makemigrations warns that it has none to compare with.
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -W "ignore:Got an error checking" manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

format: $(VENV)/.dev-installed ## Fix and format the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev-installed ## Measure beside a floor and FastAPI in the same run; writes docs/benchmarks.md. Needs wrk.
	$(SERVED_DURABLE) -m tests.benchmarks.bench_api
	@set -e; for name in bulk_attach propagation start; do \
		$(SERVED) -m tests.benchmarks.bench_$$name; \
	done

bench-growth: $(VENV)/.dev-installed ## Measure what growth costs: ARGS="--numbers 10000000" takes 20 minutes and 33 GB; without, a tenth.
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m tests.benchmarks.bench_growth $(ARGS)

bench-quick: $(VENV)/.dev-installed ## The same for the API alone, in three minutes. Needs wrk.
	$(SERVED_DURABLE) -m tests.benchmarks.bench_api --quick

chaos: $(VENV)/.dev-installed ## Kill workers and the carrier at random for two minutes, and check that everything agrees in the end.
	$(SERVED) -m tests.chaos.chaos $(ARGS)

screenshots: $(VENV)/.dev-installed ## Take the pictures of the console in docs/img/ again. Needs Chromium.
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m tests.console.screenshots $(ARGS)

size: ## Print files, lines and SQL statements per room.
	@$(PYTHON) tools/size.py

types: $(VENV)/.dev-installed ## Regenerate the TypeScript types from the OpenAPI document. Needs Node.
	cd tools/typescript && npm ci
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py spectacular --validate --fail-on-warn \
		--format openapi-json --file tools/typescript/node_modules/openapi.json
	tools/typescript/node_modules/.bin/openapi-typescript tools/typescript/node_modules/openapi.json \
		--output agentmessage/api/types.d.ts

lock: $(VENV)/.bootstrapped ## Resolve the dependencies again.
	$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(LOCK) pyproject.toml -o requirements/production.txt
	$(LOCK) pyproject.toml --extra embedded -c requirements/production.txt -o requirements/run.txt
	$(LOCK) pyproject.toml --extra embedded --extra dev -c requirements/run.txt -o requirements/dev.txt

# Each stamp is younger than what it was made from. A venv whose Python is gone (a moved folder) is created again.
$(VENV)/.bootstrapped: requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.run-installed: requirements/run.txt | $(VENV)/.bootstrapped
	$(call INSTALL,requirements/run.txt)
	@touch $@

$(VENV)/.dev-installed: requirements/dev.txt | $(VENV)/.bootstrapped
	$(call INSTALL,requirements/dev.txt)
	@touch $@ $(VENV)/.run-installed
