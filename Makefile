# Ringback. `make` alone says what there is.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Everything that running needs: virtual environment, locked dependencies, front end, translations
	@sh config/setup.sh

.PHONY: setup-dev
setup-dev: ## The same, with what development and tests need
	@sh config/setup.sh --dev

.PHONY: run
run: setup ## The product with a trial PBX, demo people and simulated customers; Ctrl-C ends all of it
	@exec $(BIN)/ringback run $(ARGS)

.PHONY: test
test: setup-dev ## All tests on SQLite, the application's again on PostgreSQL, and the checks of lint
	@$(MAKE) --no-print-directory --keep-going lint test-all

# What words, files, another program's answers and who may ask are about is the same on each database.
SAME := tests/webapp/test_translations.py tests/webapp/test_assets.py tests/webapp/test_doctor.py tests/webapp/desk/test_keys.py \
	tests/webapp/trial tests/webapp/test_routes.py::test_looking_changes_nothing \
	tests/webapp/test_routes.py::test_a_page_leads_nobody_to_the_log_in tests/webapp/test_routes.py::test_what_does_not_exist_is_not_found

# Two halves that take about as long, one core each: three at once make a browser or a PBX late.
.PHONY: test-all test-journeys test-stories test-patient test-sqlite test-postgresql
test-all:
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target test-journeys test-stories
test-journeys:
	$(BIN)/python -m pytest tests -m "journey and not patient"
test-stories:
	@$(MAKE) --no-print-directory --keep-going --jobs=1 --output-sync=none test-patient test-sqlite test-postgresql
test-patient:
	$(BIN)/python -m pytest tests -m "journey and patient"
test-sqlite:
	$(BIN)/python -m pytest tests -m "not journey"
test-postgresql:
	RINGBACK_TEST_DATABASE=postgresql $(BIN)/python -m pytest tests/webapp -m "not journey" $(SAME:%=--deselect=%)

.PHONY: test-fast
test-fast: ## What needs no PBX and no browser, on SQLite
	$(BIN)/python -m pytest tests -m "not journey" -q

.PHONY: lint
lint: ## Style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: fmt
fmt: ## Put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: setup-dev ## Speed, as ratios measured within one run
	$(BIN)/python -m tests.bench

.PHONY: lighthouse
lighthouse: setup-dev ## Lighthouse's marks for an agent's pages, at least 95 each; fetches Lighthouse at first
	$(BIN)/python -m tests.lighthouse

.PHONY: chaos
chaos: setup-dev ## Everything that can fail does, under load: MINUTES=10 DATABASE=sqlite or postgresql, SEED=
	$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),10) --database $(or $(DATABASE),sqlite) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: lock
lock: ## Renew the locked dependencies from pyproject.toml
	$(BIN)/pip-compile -q --no-annotate --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --strip-extras --allow-unsafe -o config/requirements.txt pyproject.toml
	$(BIN)/pip-compile -q --no-annotate --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --strip-extras --allow-unsafe -c config/requirements.txt -o config/requirements-dev.txt pyproject.toml

.PHONY: messages
messages: ## Collect texts for translation
	$(BIN)/pybabel -q extract -F config/babel.cfg -k _l -k lazy_gettext -k ngettext:1,2 --no-location --sort-output --project=Ringback --copyright-holder=Ringback -o webapp/translations/messages.pot webapp
	$(BIN)/pybabel -q update -N --no-wrap --ignore-obsolete --ignore-pot-creation-date -i webapp/translations/messages.pot -d webapp/translations
