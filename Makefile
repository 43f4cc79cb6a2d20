# Two commands: `make example` runs the workflow on the embedded fly data, `make test` runs every test. Both make what they
# need first: a .venv with the pinned packages and, for the tests, bedtools.
.DEFAULT_GOAL := help
.PHONY: help example check describe test bench lint check-envs bedtools clean

# The newest Python that is at least 3.11; `make example PYTHON=/path/to/python` names another.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
CORES ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
BIN := .venv/bin

help:
	@echo "make example     run the workflow on the embedded fly data -> results/report.html"
	@echo "make check       look at every input of CONFIG=my_config.yaml, in seconds, before a run"
	@echo "make describe    print the layers of MODEL=basset LENGTH=600 TARGETS=164: shapes, parameters, receptive fields"
	@echo "make test        run every test"
	@echo "make bench       time the data stage, training, evaluation and motifs against their peers"
	@echo "make lint        ruff, snakefmt, snakemake --lint"
	@echo "make check-envs  check that every conda environment declares what its scripts import"
	@echo "make clean       remove .venv; results stay"

# A stamp for each list of pins: a second call installs nothing.
.venv/run.stamp: envs/pip/run.txt envs/pip/constraints.txt
	@test -n "$(PYTHON)" || { echo "cisflow needs Python >= 3.11: install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv || { rm -rf .venv; \
		echo "no venv could be made: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@echo "installing the pinned packages into .venv; this takes a minute or two, once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/pip/run.txt -c envs/pip/constraints.txt
	@touch $@

.venv/dev.stamp: .venv/run.stamp envs/pip/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/pip/dev.txt -c envs/pip/constraints.txt
	@touch $@

# bedtools is what the tests check the workflow's intervals and sequences against; the workflow itself does without.
bedtools:
	@command -v bedtools >/dev/null || sh tests/install_bedtools.sh

example: .venv/run.stamp
	$(BIN)/snakemake --cores $(CORES) --workflow-profile config/profiles/local

# Every run begins with the same look; here it is taken again, even if the files have not changed.
CONFIG ?= config/config.yaml
check: .venv/run.stamp
	@$(BIN)/snakemake check_inputs --force --cores 1 --configfile $(CONFIG) --workflow-profile config/profiles/local
	@cat results/reference/inputs.tsv

# TRACKS and BINS are for networks that read signal tracks.
MODELS ?= config/models.yaml
LENGTH ?= 200
TARGETS ?= 1
describe: .venv/run.stamp
	@$(BIN)/python scripts/describe_network.py --models "$(MODELS)" --model "$(MODEL)" --length "$(LENGTH)" \
		--targets "$(TARGETS)" --tracks "$(TRACKS)" --bins "$(BINS)"

bench: .venv/dev.stamp
	@status=0; for part in data training evaluation filters matching; do $(BIN)/python tests/bench/bench_$$part.py || status=1; done; exit $$status

test: .venv/dev.stamp bedtools
	$(BIN)/python -m pytest

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

check-envs: .venv/dev.stamp
	$(BIN)/python tests/check_envs.py

clean:
	rm -rf .venv
