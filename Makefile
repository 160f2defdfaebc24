# `make bench` and `make test` set everything up themselves. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup bench test plots micro gpu throughput plane transfer efficiency counterexamples lint clean

PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python -m

PROTOCOL ?= quick
BALANCERS ?=
SUITES ?=
SEEDS ?=
DEVICE ?= auto
PLUGIN ?=
DATA ?=
RESULTS ?=

# A misspelt variable would silently run everything.
$(foreach name,PROTOCOLS BALANCER SUITE SEED DEVICES PLUGINS RESULT,$(if $(filter command%,$(origin $(name))),\
	$(error there is no variable $(name); there is: PROTOCOL BALANCERS SUITES SEEDS DEVICE PLUGIN DATA RESULTS)))

OPTIONS = --protocol $(PROTOCOL) --device $(DEVICE) \
	$(if $(BALANCERS),--balancers $(BALANCERS)) $(if $(SUITES),--suites $(SUITES)) $(if $(SEEDS),--seeds $(SEEDS)) \
	$(foreach file,$(PLUGIN),--plugin $(file)) $(if $(DATA),--data $(DATA)) $(if $(RESULTS),--results $(RESULTS))

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 17
	@echo "variables: PROTOCOL BALANCERS SUITES SEEDS DEVICE PLUGIN DATA RESULTS (bench), PYTHON PIP_ARGS (setup)"
	@echo "example:   make bench SUITES=multimnist BALANCERS=pcgrad,gradnorm SEEDS=3"

setup: $(VENV)/ready ## virtual environment with pinned versions
$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which with: make setup PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[bench,dev]'
	touch $@

bench: setup ## train, evaluate, and write tables, charts and report to results/PROTOCOL
	$(RUN) benchmarks run $(OPTIONS)

test: setup ## the tests, on all cores
	OMP_NUM_THREADS=1 $(RUN) pytest --numprocesses auto --dist loadfile

plots: setup ## draw the charts and write the report anew from what is in results/PROTOCOL
	$(RUN) benchmarks report $(or $(RESULTS),results/$(PROTOCOL))

micro: setup ## cost of one balanced step, beside a plain one and TorchJD's, to results/micro
	$(RUN) benchmarks step-cost

gpu: setup ## steps, runs per hour and a protocol on a GPU, within 8 minutes, to results/gpu
	$(RUN) benchmarks gpu

throughput: setup ## runs per hour as replicas, on workers and nodes, to results/throughput
	$(RUN) benchmarks throughput

plane: setup ## where every balancer ends on the two-task plane, to results/plane
	$(RUN) benchmarks plane

transfer: setup ## fine-tuned multi-task models against single-task at equal compute, to results/transfer
	$(RUN) benchmarks transfer $(if $(DATA),--data $(DATA))

efficiency: setup ## one multi-task model against one per task, of results/PROTOCOL, to results/efficiency
	$(RUN) benchmarks efficiency $(or $(RESULTS),results/$(PROTOCOL)) $(if $(DATA),--data $(DATA))

counterexamples: setup ## problems that refute what balancers do not claim, for the tests
	$(RUN) tests.balancers.counterexamples

lint: setup ## style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright

clean: ## remove the virtual environment and caches; results stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .benchmarks build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
