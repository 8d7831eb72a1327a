# Each target is a thin call; `make` alone says what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# What the lab provides (Node 24, and where no registry answers kind, helm and a node image) comes before the user's own.
WITH_LAB = eval "$$(lab/env)";
# On the lab's machines the node image is the lab's; elsewhere the action's own default.
NODE_IMAGE = $${FLOE_LAB_NODE_IMAGE:+--node-image "$$FLOE_LAB_NODE_IMAGE"}

# Of the projects in vitest.config.ts; vm is there on the lab's machines alone.
TEST_PROJECTS = --project quick --project thorough --project attacks --project vm --project cluster --project exclusive

# For kind-up and again: the tier, and what to run of its tests (all, unless it is given).
TIER ?= integration
TEST ?=
# For break-components: names of programs (all, unless they are given).
ONLY ?=
# For test-runner: classic or containerd (both, unless it is given).
STORE ?=

# For bench: how often each is measured.
ROUNDS ?= 5

.PHONY: help lab images images-full images-production image-tests test-unit test-integration test-e2e test-production kind-up rerun again break-components kind-down test test-slow test-runner test-vm test-attacks quick check fix build bench doctor down

help: ## What there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

lab: ## Docker, and where no registry answers, Kubernetes and the images: built once per machine
	@lab/up

images: lab ## The images of the example
	@$(WITH_LAB) docker build --quiet --tag floe-example:dev examples/floe
	@$(WITH_LAB) docker build --quiet --tag floe-test-runner:dev --file examples/floe/tests/Dockerfile examples/floe

test-unit: examples/floe/.venv lab ## The example's unit tests on this machine: no cluster, the same reports
	@$(WITH_LAB) cd examples/floe && node ../../dist/cli.js run --tier unit --results-dir ../../k8s-test-results/unit

examples/floe/.venv: examples/floe/requirements/tests.txt
	@python3 -m venv --clear $@ && $@/bin/pip install --quiet --require-hashes --requirement $< && touch $@

test-integration: images ## The main job: a real cluster, the real chart, real tests, results on disk
	@$(WITH_LAB) cd examples/floe && node ../../dist/cli.js run --tier integration $(NODE_IMAGE) --results-dir ../../k8s-test-results/integration

images-full: images ## Those of the full platform too: what it runs, and the example on it
	@lab/up full
	@$(WITH_LAB) docker build --quiet --tag floe-example-lakehouse:dev --file examples/floe/lakehouse.Dockerfile examples/floe

test-e2e: images-full ## The full platform on three nodes: catalog, object storage, Cube, traces and metrics
	@$(WITH_LAB) cd examples/floe && node ../../dist/cli.js run --tier e2e $(NODE_IMAGE) --results-dir ../../k8s-test-results/e2e

images-production: images-full ## Those too that profile production expects of a cluster: operators
	@lab/up production

test-production: images-production node_modules ## Profile production on three nodes, as staging installs it, one of them drained under it
	@$(WITH_LAB) node scripts/production-install.ts

kind-up: $(if $(filter e2e,$(TIER)),images-full,images) ## A cluster with the example's platform in it, which stays; once more: deploys what has changed (TIER=e2e)
	@$(WITH_LAB) cd examples/floe && node ../../dist/cli.js up --tier $(TIER) $(NODE_IMAGE) --results-dir ../../k8s-test-results/$(TIER)

again: rerun

rerun: image-tests ## The tests once more in that cluster, with what has changed: TEST=tests/integration/test_platform.py
	@$(WITH_LAB) cd examples/floe && node ../../dist/cli.js rerun $(TEST) --tier $(TIER)

image-tests:
	@$(WITH_LAB) docker build --quiet --tag floe-test-runner:dev --file examples/floe/tests/Dockerfile examples/floe

break-components: image-tests node_modules ## In the cluster of kind-up TIER=e2e: takes each program away in turn, then misconfigures it, and holds what is red against what tests say they need (ONLY="cube jaeger")
	@$(WITH_LAB) node scripts/break-components.ts $(ONLY)

kind-down: down ## Removes that cluster

test: images node_modules ## What CI runs: checks, tests without a cluster, attacks, tests on clusters
	@$(WITH_LAB) npm run --silent check && npm run --silent build && npx vitest run $(TEST_PROJECTS)

test-slow: images node_modules ## Tests on clusters that do not fit into make test: broken nodes and machines, registries, runs in containers, roll-ups
	@$(WITH_LAB) npm run --silent build && npx vitest run --project slow

test-attacks: lab node_modules ## What hostile files, names and texts do to us: attempts and held, by kind (TEST=yaml: the files of that name alone)
	@$(WITH_LAB) npx vitest run --project attacks $(TEST)

test-runner: images node_modules ## As GitHub's runner: images, results, teardown, the action and the integration tier as uid 1001 on docker 28, with each image store (machines of the lab; STORE=classic: that one)
	@$(WITH_LAB) lab/up docker28 && npm run --silent build && node scripts/run-runner-tests.ts $(STORE)

test-vm: images node_modules ## On cgroup v2: what Linux does, in a guest that boots in seconds; then docker 28 and a cluster as user runner, in one with two processors and nftables (machines of the lab)
	@$(WITH_LAB) lab/up docker28 uml guest-kernel && npm run --silent build && npx vitest run --project vm --project vm-slow

quick: lab node_modules ## What needs no cluster and ends within a minute
	@$(WITH_LAB) npm run --silent check && npx vitest run --project quick

check: lab node_modules ## Types, lint, format, rooms, dead code, and the chart against the schemas of Kubernetes
	@$(WITH_LAB) npm run --silent check && npx vitest run --project quick --project thorough __tests__/charts

fix: lab node_modules ## Formats, applies safe fixes of lint, and writes the generated parts of documents
	@$(WITH_LAB) npm run --silent fix && npm run --silent generate

build: lab node_modules ## dist/, from a clean state
	@$(WITH_LAB) npm run --silent build

bench: images node_modules ## A run beside the usual script, alternating: writes bench/results.md (ROUNDS=5)
	@$(WITH_LAB) npm run --silent build && node bench/compare.ts $(ROUNDS)

doctor: lab ## What this machine has, and what it lacks
	@$(WITH_LAB) node dist/cli.js doctor

down: lab ## Removes what kept or interrupted runs left
	@$(WITH_LAB) node dist/cli.js down

# Not "npm ci": that refuses a lock file without the optional binaries of other platforms, which a registry may not have.
# No package runs a program while it is installed: none needs to, esbuild has its binary from an optional dependency.
# With --no-save the lock file decides as well, integrity included, and is not written.
# The first attempt takes package metadata from npm's cache, since fetching it for each package takes minutes. It fails where the
# cached metadata lacks a version of the lock file; the second attempt then fetches it.
INSTALL = npm install --no-save --ignore-scripts
node_modules: package-lock.json | lab
	@$(WITH_LAB) ($(INSTALL) --prefer-offline --loglevel=silent || $(INSTALL) --loglevel=error) && touch node_modules
