# One entry each. `make` alone lists them.
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench up docs lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(STAMP) ## make .venv from the hash-locked requirements

$(STAMP): requirements/dev.txt
	@PYTHON="$(PYTHON)" scripts/setup.sh requirements/dev.txt

demo: $(STAMP) ## the article's net on real Fashion-MNIST, over the HTTP API, in a few minutes
	@$(BIN)/python -m examples.demo $(ARGS)

test: $(STAMP) ## every test, on a real Postgres, Redis and browser
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

check: $(STAMP) ## format, lint, types, imports, spelling, templates
	@scripts/check.sh

format: $(STAMP) ## format and fix what can be fixed
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

bench: $(STAMP) ## the training loop against model.fit, and 5,000 random graphs
	@$(BIN)/python -m benchmarks.training $(ARGS)
	@$(BIN)/python -m benchmarks.random_graphs

up: $(STAMP) ## serve on this machine: prints its address, stops at Ctrl-C
	@$(BIN)/prunery up $(ARGS)

docs: $(STAMP) ## write the pages that are generated from code
	@$(BIN)/python -m scripts.error_codes
	@$(BIN)/python -m app.core.states > docs/states.md
	@$(BIN)/python -m app.core.settings > docs/settings.md
	@$(BIN)/python -m app.main > docs/openapi.json

lock: ## rewrite requirements/*.txt from pyproject.toml (needs uv)
	@scripts/lock.sh

clean: ## remove everything that is made here
	@rm -rf .venv .data build dist demo-output htmlcov .coverage .pytest_cache .mypy_cache \
	    .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
