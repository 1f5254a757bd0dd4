# `make` lists the targets. Everything is installed into .venv and .local of this folder.
.DEFAULT_GOAL := help
.PHONY: help demo up monitoring check types units test bench faults image format lock freeze setup clean
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
# What is never imported need not be compiled; the rest is at its first import.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-compile
# Some machines forbid Python to keep what it has compiled: each of many processes would then compile all of it anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

demo: .venv/local ## run a real campaign through the real system, print what was counted, stop
	@$(BIN)/python -m deploy.local demo

up: .venv/local ## start the system and stay until Ctrl-C
	@$(BIN)/python -m deploy.local up

monitoring: .venv/local ## run a Prometheus beside `make up` and stay until Ctrl-C
	@$(BIN)/python -m deploy.local monitoring

check: .venv/dev ## format, lint, types, imports, unit and contract tests: seconds
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(MAKE) --no-print-directory -j 2 types units

types:
	@$(BIN)/mypy
	@$(BIN)/lint-imports

units:
	@$(BIN)/python -m pytest -q -n 2 tests/architecture tests/contract tests/unit tests/docker

test: check ## check, then integration and end-to-end tests on real PostgreSQL and Kafka
	@$(BIN)/python -m tests.k8s.kustomize
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/k8s tests/integration tests/e2e tests/faults

faults: .venv/dev ## kill everything under load, lose nothing (part=random minutes=10 seed=…)
	@$(BIN)/python -m tests.faults $(if $(part),--part $(part)) $(if $(minutes),--minutes $(minutes)) $(if $(seed),--seed $(seed))

bench: .venv/dev ## measure beside floors of the same run (q=P4,P8 rounds=5)
	@$(BIN)/python -m tests.bench $(if $(q),--q $(q)) $(if $(rounds),--rounds $(rounds))

format: .venv/dev ## format the code and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

image: ## build the image of all processes, with what is in it attested (needs Docker: docker buildx)
	docker buildx build --sbom=true --provenance=mode=max -f deploy/docker/Dockerfile -t tungnha:$(or $(v),local) .

freeze: .venv/dev ## print the contracts again: schemas, OpenAPI; and dashboards, and manifests
	@$(BIN)/python -m libs.contracts.freeze
	@$(BIN)/python -m deploy.grafana
	@$(BIN)/python -m deploy.k8s generate
	@$(BIN)/python -m libs.common.metrics_page

lock: .venv/dev ## pin the dependencies anew, with hashes
	@for set in service local dev; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links requirements/$$set.in -o requirements/$$set.txt || exit 1; done

setup: .venv/dev ## install what running and testing need

clean: ## delete the environment and all local data
	rm -rf .venv .local

.venv/bin/python:
	@case "$$(uname -sm)" in "Linux x86_64"|"Darwin arm64") ;; \
	  *) echo "Linux x86_64 or macOS arm64 (Darwin arm64) is needed; this is $$(uname -sm)" >&2; exit 1;; esac
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is missing: install it, or say PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing (Debian: python3-venv)" >&2; exit 1; }
	@echo "making .venv"
	@$(PYTHON) -m venv .venv

.venv/local: .venv/bin/python requirements/local.txt
	@echo "installing what running needs (hash-checked)"
	@$(INSTALL) -r requirements/local.txt
	@touch $@

.venv/dev: .venv/bin/python requirements/dev.txt
	@echo "installing what the checks and tests need (hash-checked)"
	@$(INSTALL) -r requirements/dev.txt
	@touch $@ .venv/local
