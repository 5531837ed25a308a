# Everything here works on a fresh clone with Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := runs/express
export HANGTAG_HOME ?= $(HOME)/.cache/hangtag

.PHONY: help run data test slow chaos lint bench docs clean

help:  ## List the targets.
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

run: data  ## Fetch the data, train express, write the report, categorise examples.
	$(BIN)/hangtag explore fashion-mnist --out runs/explore --augment express
	$(BIN)/hangtag train fashion-mnist --recipe express --seed 0 --out $(RUN) $(if $(wildcard $(RUN)/run.json),--resume)
	$(BIN)/hangtag predict docs/examples --model $(RUN) --out $(RUN)/examples.csv
	@cat $(RUN)/examples.csv
	$(BIN)/hangtag models runs
	@echo "report: $(RUN)/report.html"

data: $(READY)  ## Fetch Fashion-MNIST and verify it.
	$(BIN)/hangtag data fetch fashion-mnist

# Each worker gets neighbouring tests, which share fixtures, and takes from the other when done.
test: $(READY)  ## Fast tests.
	@$(BIN)/hangtag data fetch fashion-mnist --quiet \
		|| echo "WARNING: no Fashion-MNIST here: the tests that need the real data are skipped"
	$(BIN)/python -m pytest -n 2 --dist worksteal

slow: $(READY)  ## Tests that take longer than ten seconds each.
	$(BIN)/python -m pytest -n 2 -m slow

chaos: $(READY)  ## Attacks: damaged files and models, bombs, kills, closed streams; a quarter of an hour.
	$(BIN)/python -m pytest -n 2 -m chaos

lint: $(READY)  ## Style, types and layers.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.bench data  ## Speed beside Keras on TensorFlow (1.6 GB more) and PyTorch; QUICK=1 takes minutes.
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

docs: $(READY)  ## Write the parts of docs/ that the tool makes: pictures, tables, command reference.
	$(BIN)/python -m scripts.generate_docs

clean:  ## Remove what make made, except runs/.
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@echo "installing into $(VENV): a minute or more; with a CUDA build of PyTorch, gigabytes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)/.bench: $(READY)
	@echo "installing TensorFlow, the peer of the benchmarks, into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	touch $@
