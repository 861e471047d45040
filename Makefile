# The commands of a working day; `make help` lists them. Each does the set-up it needs by itself.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Asked only when .venv is made.
PYTHON ?= $(shell scripts/python.sh)
# Where the clients of ours (demo, bench) find the gateway.
ROOKERY_URL ?= http://127.0.0.1:$(or $(ROOKERY_PORT_GATEWAY),8080)
export ROOKERY_URL
# Many processes start here: what Python has compiled once is kept, also where the environment says otherwise. It halves their start, and spares
# each some 15 MB.
unexport PYTHONDONTWRITEBYTECODE

bin := .venv/bin
stamp := .venv/.ready
provider := tests/provider/node_modules/.package-lock.json
packages := protos libs/common $(sort $(patsubst %/pyproject.toml,%,$(wildcard services/*/pyproject.toml)))
local := PYTHONPATH=deploy/local $(bin)/python -m rookery_local
# What accounts and posts do without.
only_accounts := $(addprefix --without ,analytics messaging moderation notification search)
unit_tests := $(wildcard libs/common/tests/unit services/*/tests/unit deploy/local/tests/unit)

.PHONY: help setup install run up down reset status logs operate demo bench check unit test history chaos plans security browser keycloak protos charts charts-tools docs lock hooks release images sbom skew k8s-test

help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
		printf '  \033[1m%-9s\033[0m %s\n' "$$name" "$$text"; done

setup: $(stamp) ## Make .venv with everything from the lock, and our packages (quick when nothing changed)

install: $(stamp) ## Install what the engines need and this machine lacks (Debian packages need root)
	@$(local) install

run: install ## Start the whole platform here; Ctrl-C stops it all
	@exec env $(local) run

up: install ## Start the whole platform in the background; returns when it is ready
	@$(local) up

down: $(stamp) ## Stop what `up` started; data is kept
	@$(local) down

reset: $(stamp) ## Stop it and delete its data, secrets and logs
	@$(local) reset

status: $(stamp) ## Show each process with its port and log
	@$(local) status

logs: ## Follow the logs (one: NAME=feed)
	@tail -n 20 -F .rookery/dev/logs/$(or $(NAME),*).log

operate: $(stamp) ## An operator's command on a running platform: make operate ARGS="auth list-roles"
	@$(local) operate $(ARGS)

demo: $(stamp) ## People sign up, post, like, search, chat and moderate, on a running platform
	@$(bin)/python tests/demo

bench: $(stamp) ## Measure a running platform through its public API
	@$(bin)/python bench/run.py $(ARGS)

check: $(stamp) charts-tools ## Everything that reads the code without running it: formats, lint, types, import rules, contracts
	@scripts/check.sh

unit: $(stamp) ## The tests that need no engine (ARGS are pytest's)
	@$(bin)/python -m pytest $(unit_tests) $(ARGS)

test: install charts-tools $(provider) ## Every test, beside a fresh platform on free ports (ARGS are pytest's)
	@$(local) exec --platform -- scripts/test.sh $(ARGS)

chaos: install ## Each engine away for a minute, under a fresh platform; writes docs/chaos.md
	@$(local) exec --platform -- env ROOKERY_CHAOS_REPORT=docs/chaos.md $(bin)/python -m pytest tests/integration/chaos --tb short $(ARGS)

security: install ## Fifty odd requests to every operation of a fresh platform (CASES=200 for more)
	@ROOKERY_FUZZ_CASES=$(or $(CASES),50) $(local) exec --platform -- $(bin)/python -m pytest tests/integration/test_every_operation.py $(ARGS)

history: seeds := $(if $(SEEDS),$(SEEDS),1,2,3)
history: install ## Long random histories against homes, on fresh engines: consumers die, Redis is emptied (SEEDS=4,5,6 STEPS=2000)
	@ROOKERY_HISTORY_SEEDS=$(seeds) ROOKERY_HISTORY_STEPS=$(or $(STEPS),1000) $(local) exec -- \
		$(bin)/python -m pytest services/feed/tests/engine/test_history.py -p no:xdist $(ARGS)

plans: install ## How Postgres finds what is asked for all the time among a million follows
	@ROOKERY_PLANS_FOLLOWS=1000000 $(local) exec -- $(bin)/python -m pytest services/user/tests/engine/test_plans.py --timeout 900 $(ARGS)

browser: install ## The pages in real Chromium (Debian's chromium and chromium-driver), beside a fresh platform
	@$(local) exec --platform $(only_accounts) -- $(bin)/python -m pytest tests/browser -p no:xdist $(ARGS)

keycloak: install ## Signing in by another site where that is Keycloak (from Maven Central), beside a fresh platform
	@home=$$(scripts/keycloak.sh) && $(local) exec --platform $(only_accounts) -- \
		env ROOKERY_KEYCLOAK_HOME="$$home" $(bin)/python -m pytest tests/integration/test_other_sites.py --timeout 600 --tb short $(ARGS)

protos: $(stamp) ## Generate the Python stubs of the contracts
	@scripts/protos.sh

charts: $(stamp) ## Generate what is generated of the charts: schemas, READMEs, their parts of the call graph
	@$(bin)/python scripts/charts.py

charts-tools: $(stamp)
	@PYTHONPATH=deploy/local $(bin)/python -m rookery_local.go_programs helm kubeconform

docs: $(stamp) ## Generate the pages that are generated
	@$(bin)/python scripts/docs.py

lock: $(stamp) ## Resolve the lock of third parties anew
	@scripts/lock.sh

hooks: $(stamp) ## Run the fast half of `make check` before each commit
	@$(bin)/pre-commit install

release: $(stamp) ## Release one package: SERVICE=post VERSION=1.4.0
	@scripts/release.sh "$(SERVICE)" "$(VERSION)"

images: ## Build the services' images with docker (one: SERVICE=post)
	@scripts/images.sh $(SERVICE)

sbom: $(stamp) ## What the images are made of, as CycloneDX, into dist/sbom (one: SERVICE=post)
	@scripts/sbom.sh dist/sbom $(SERVICE)

skew: install ## The flows with each service in turn at its last release, both ways (one: SERVICE=post)
	@scripts/skew.sh $(SERVICE)

k8s-test: install ## Try the whole platform on the cluster that kubectl points at; writes docs/deploy/cluster-report.md
	@deploy/k8s/test.sh

$(bin)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv; \
		else echo "Python's venv module is missing: sudo apt-get install -y python3-venv" >&2; exit 1; fi; }
	@$(PYTHON) -m venv .venv

# What the flows sign in by; npm is the environment's own.
$(provider): tests/provider/package-lock.json | $(stamp)
	@PATH="$$PWD/$(bin):$$PATH" npm ci --prefix tests/provider --silent
	@touch $@

# uv comes first, by pip and with its hash; it brings the rest, faster and as exactly.
$(bin)/uv: deploy/local/uv.txt | $(bin)/python
	@$(bin)/python -m ensurepip --default-pip >/dev/null
	@$(bin)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r deploy/local/uv.txt
	@touch $@

$(stamp): requirements.txt $(packages:=/pyproject.toml) $(bin)/uv
	@echo "Setting up .venv"
	@$(bin)/uv pip sync --quiet --python $(bin)/python --require-hashes requirements.txt
	@$(bin)/uv pip install --quiet --python $(bin)/python --no-deps --no-build-isolation $(addprefix -e ./,$(packages))
	@touch $@
