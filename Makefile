# certadmin: `make run` starts the product, `make test` judges it. Everything else is a part of these.

SHELL := /bin/bash
PORT ?= 8000
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run demo test check lint types layers django pytest servers soak bench screenshots backup restore lock clean compiled

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: .venv/run.done .venv/static.done compiled ## set up what is missing and start the product (PORT=8000)
	@exec $(BIN)/python manage.py up --port $(PORT)

demo: .venv/run.done .venv/static.done compiled ## load the demonstration
	@$(BIN)/python manage.py prepare
	@$(BIN)/python manage.py seed_demo

test: .venv/dev.done .venv/static.done compiled servers check pytest ## everything that judges the code

check: lint types layers django ## all but the tests

lint: .venv/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint --quiet --lint templates

types: .venv/dev.done
	$(BIN)/mypy .

layers: .venv/dev.done
	$(BIN)/lint-imports

django: .venv/dev.done
	$(BIN)/python scripts/check_django.py

pytest: .venv/dev.done servers
	$(BIN)/python scripts/run_tests.py $(ARGS)

servers: ## install the real servers that the tests want, where that is possible
	@scripts/servers

soak: .venv/dev.done .venv/static.done servers ## the faults at full count; prints a table
	$(BIN)/pytest tests/soak -q -s -m soak

bench: .venv/dev.done .venv/static.done servers ## measured comparisons (ONLY=name)
	@scripts/bench-peers
	DJANGO_SETTINGS_MODULE=certadmin.settings $(BIN)/python -m bench $(ONLY)

screenshots: .venv/dev.done .venv/static.done ## the pictures of the README and docs
	PICTURES=1 $(BIN)/pytest tests/browser/test_pages_of_*.py tests/browser/test_main_path.py -q -p no:cacheprovider
	cp tests/screenshots/operator-overview-light-1440.png docs/pictures/overview.png
	cp tests/screenshots/operator-trust-releases-light-1440.png docs/pictures/release.png
	cp tests/screenshots/path-2-check.png docs/pictures/upload.png
	cp tests/screenshots/path-6-certificate.png docs/pictures/certificate.png

backup: ## write a backup (TO=file)
	@$(BIN)/python manage.py backup $(TO)

restore: ## restore a backup (FROM=file)
	@$(BIN)/python manage.py restore $(FROM)

lock: .venv/dev.done ## renew the locks from requirements*.in
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q requirements.in -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q -c requirements.lock requirements-dev.in -o requirements-dev.lock

clean: ## remove what the set-up made (not the data in var/)
	rm -rf .venv node_modules static/vendor staticfiles

# ---- set-up: each file says that a step is done for the files that it depends on

# every process that starts reads some hundred modules: compiled, they come up in a second instead of three
PACKAGES := accounts alerts audit cas certadmin certificates core gateways keys outbox pki tests trust
COMPILE := $(BIN)/python -m compileall -q -j 0 .venv/lib || true

compiled: | .venv/bin/python
	@$(BIN)/python -m compileall -q $(PACKAGES) || true

.venv/bin/python:
	@scripts/venv

.venv/run.done: requirements.lock | .venv/bin/python
	@[ -e .venv/dev.done ] || $(BIN)/pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements.lock
	@$(COMPILE)
	@touch $@

.venv/dev.done: requirements-dev.lock | .venv/bin/python
	@$(BIN)/pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(COMPILE)
	@touch $@ .venv/run.done

.venv/node.done: package-lock.json .npmrc | .venv/run.done
	@scripts/npm ci --ignore-scripts --silent
	@touch $@

.venv/static.done: .venv/node.done certadmin/front_end.py templates/ui/icons.txt $(shell find static/certadmin -type f)
	@$(BIN)/python certadmin/front_end.py
	@$(BIN)/python manage.py collectstatic --noinput --verbosity 0
	@touch $@
