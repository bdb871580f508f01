# Two commands do everything on a fresh machine: `make demo` and `make test`.

.DEFAULT_GOAL := help
.PHONY: help demo cluster test coverage test-mysql test-fast test-lowest lint format install down environment environment-dev bench bench-lab bench-operator bench-portal bench-sip bench-state truth captures migrations-check chart-values screenshots image push sbom licences release bench-install synth aws-docs lint-cdk environment-cdk bench-aws

PORT ?= 8080
export CONFIG ?= cdk/config/example.toml
export VOICE_LAB_BEGAN := $(shell date +%s)
# A proxy that opens TLS has its authority in the system's store, if the machine has one.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS = 1
endif
LAB = .venv/bin/python -m voice_lab
# A cluster is used only where it is named for this very command: one that happens to stand in the shell's
# environment might be anybody's.
OWN_CLUSTER = $(filter command line,$(origin KUBECONFIG))
NAMED_CONTEXT = $(if $(filter command line,$(origin CONTEXT)),--context '$(CONTEXT)')

# Most tests wait for services most of the time, so there may be more at once than processors. A file stays together:
# what its tests share is set up once.
AT_ONCE = --numprocesses 4 --dist loadfile --no-loadscope-reorder

# `make captures a.pcap b.pcapng`: what follows it are files, and no targets. `make captures FILE=a.pcap` does, too.
ifeq (captures,$(firstword $(MAKECMDGOALS)))
NAMED = $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
.PHONY: $(NAMED)
$(NAMED): ;@:
endif

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo CHECK=1          verify without a person: one line of JSON, exit code 0 or 1"
	@echo "  make demo PORT=9090        another port for the portal"
	@echo "  make demo KUBECONFIG=FILE  your own cluster instead of the lab's API server"
	@echo "  make cluster KUBECONFIG=FILE CONTEXT=NAME  a cluster that looks like production has to be named"
	@echo "  make test ARGS='-k name'   arguments for pytest"
	@echo "  make down ARGS='demo'      only what is called so"
	@echo
	@echo "  GRAFANA_HOME=FOLDER        the Grafana to use; VOICE_LAB_GRAFANA=stand-in: none, but the lab's stand-in"
	@echo "  KUBEBUILDER_ASSETS=FOLDER  etcd and kube-apiserver to use"

demo: environment ## Start the whole system, make calls, show where to look (Ctrl-C ends it)
	@$(LAB) demo --port $(PORT) $(if $(CHECK),--check) $(if $(OWN_CLUSTER),--kubeconfig '$(KUBECONFIG)') $(NAMED_CONTEXT)

cluster: environment ## Start a Kubernetes cluster of the lab's own and stay, or check yours (KUBECONFIG=FILE)
	@$(LAB) cluster $(if $(OWN_CLUSTER),--kubeconfig '$(KUBECONFIG)') $(NAMED_CONTEXT)

test: environment-dev environment-cdk ## Run all tests against real services
	@$(LAB) test --again-alone $(AT_ONCE) $(ARGS)

test-mysql: export VOICE_LAB_DATABASE = mysql
test-mysql: environment-dev ## Run the tests that touch the database against MySQL 8.0, instead of MariaDB
	@$(LAB) test --again-alone $(AT_ONCE) -m database $(ARGS)

coverage: environment-dev environment-cdk ## Run all tests, and tell which lines none of them ran
	@$(LAB) test $(AT_ONCE) --cov --cov-report=term $(ARGS)

test-fast: environment-dev ## Run the tests that need no service
	@.venv/bin/pytest tests/unit $(ARGS)

# An environment of its own: .venv stays as it is.
test-lowest: ## Run the tests that need no service with the lowest versions that pyproject.toml admits
	@programs=$$(scripts/environment lowest) && "$$programs/python" -m pytest tests/unit --numprocesses 2 --dist loadfile $(ARGS)

bench: bench-lab bench-sip ## Run all benchmarks; one line of JSON a figure

bench-sip: environment ## Measure how many calls a core carries, beside SIPp and baresip, and records per second
	@.venv/bin/python -m bench.sip $(ARGS)

truth: environment ## Compare call records with an independent analyser, over trunks that spoil calls in a known way
	@.venv/bin/python -m bench.truth $(ARGS)

captures: environment ## Analyse the RTP streams in captures, beside tshark's figures (FILES='a.pcap b.pcapng')
	@.venv/bin/python -m bench.captures $(FILE) $(FILES) $(NAMED) $(ARGS)

bench-state: environment ## Measure what the health of 1,000 probes costs, with few calls and with a million
	@.venv/bin/python -m bench.probestate $(ARGS)

bench-portal: environment ## Measure the portal with a million calls: pages, searches, files (ARGS="--baseline FOLDER": beside another checkout)
	@.venv/bin/python -m bench.portal $(ARGS)

bench-operator: environment ## Measure the operator with 200 and 1,000 probes: requests, memory, time, drift
	@.venv/bin/python -m bench.operator $(ARGS)

bench-install: environment ## Measure an installation: cluster, first record, memory of pods at 100 and 1,000 probes, images
	@.venv/bin/python -m bench.install $(ARGS)

bench-aws: export PYTHONPATH = cdk
bench-aws: environment environment-cdk ## Measure the judge of AWS templates: mutants noticed, false alarms, time; other tools beside it
	@.venv/bin/python -m bench.aws $(ARGS)

bench-lab: environment ## Measure what the lab costs, and a panel's query
	@.venv/bin/python -m bench.lab

# Django's own checks, and mypy's plugin for it, load the portal's settings, which refuse to load without values.
lint migrations-check: export VOICE_MYSQL_HOST = none
lint migrations-check: export VOICE_MYSQL_USER = none
lint migrations-check: export VOICE_MYSQL_PASSWORD = none
lint migrations-check: export VOICE_GRAFANA_URL = http://none/grafana
lint migrations-check: export VOICE_PORTAL_URL = http://none
lint migrations-check: export VOICE_GRAFANA_JWT_KEY_FILE = none
lint migrations-check: export VOICE_PORTAL_SECRET_KEY = only-for-checks-that-start-nothing-and-sign-nothing-at-all
lint migrations-check: export DJANGO_SETTINGS_MODULE = voice_portal.config.settings
lint: export PYTHONPATH = cdk
lint: environment-dev ## Check style, types and the direction of imports
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports

# Against AWS CDK's own types, which `lint` knows nothing of: a minute the first time, then a second.
lint-cdk: environment-dev environment-cdk ## Check the types of the stacks of cdk/
	@python=$$(scripts/environment cdk)/python && cd cdk && ../.venv/bin/mypy --config-file= --strict --python-executable "$$python" \
	  --cache-dir ../.mypy_cache/cdk voice_cdk/stacks voice_cdk/kubernetes voice_cdk/synthesis.py

migrations-check: environment-dev ## Check that the migrations match the models
	@.venv/bin/python -m django makemigrations --check --dry-run

chart-values: environment-dev ## Write the table of the chart's values (docs/chart-values.md) from values.yaml
	@.venv/bin/python scripts/chart_values.py

# The stacks' environment is their own: whoever doesn't deploy them needn't wait for it.
synth: ## Write the CloudFormation templates of a platform in AWS into build/cdk.out (CONFIG=cdk/config/example.toml)
	@programs=$$(scripts/environment cdk) && "$$programs/python" cdk/app.py "$$CONFIG"

aws-docs: ## Write the diagram and the tables of docs/aws.md (ARGS=--check: tell whether they are out of date)
	@programs=$$(scripts/environment cdk) && cd cdk && "$$programs/python" -m voice_cdk.documenting $(ARGS)

screenshots: environment-dev ## Take the screenshots of docs/images from a lab with real calls
	@.venv/bin/python scripts/screenshots.py

format: environment-dev ## Put the code into the project's format
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

IMAGES = .venv/bin/python -m voice_lab.images
# `make image push` builds first: not for a registry that nobody named.
ifneq (,$(filter push,$(MAKECMDGOALS)))
ifeq (,$(REGISTRY))
$(error no registry is named: make image push REGISTRY=registry.example.net/voice)
endif
endif

image: environment ## Build the images of operator and portal (PULL=1: on the newest base), with docker, podman or buildah
	@$(IMAGES) build $(if $(PULL),--pull)

push: environment ## Put both images into a registry: make image push REGISTRY=registry.example.net/voice
	@$(IMAGES) push '$(REGISTRY)'

sbom: environment ## Write what is in each image into dist/, as CycloneDX; fail where a licence forbids handing it on
	@$(IMAGES) sbom dist

# A VERSION that happens to stand in the shell's environment is not meant.
release: environment ## Commit and tag VERSION=1.2.3, and write all that is handed on of it into dist/1.2.3; push nothing
	@.venv/bin/python -m voice_lab.release '$(if $(filter command line,$(origin VERSION)),$(VERSION))'

licences: environment ## List the licences of all that is handed on; fail where one forbids that, or is not known
	@$(IMAGES) licences

install: environment ## Install, fetch or build what demo and test need; start nothing
	@$(LAB) install

down: environment ## End whatever labs, tests and benchmarks that were killed left behind
	@$(LAB) down $(ARGS)

environment:
	@scripts/environment

environment-dev:
	@scripts/environment dev

# What makes stacks, and what judges them. Here, so that its progress is seen: tests would make it without a word.
environment-cdk:
	@for name in cdk proving checkov; do scripts/environment $$name >/dev/null || exit 1; done
