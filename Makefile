# `make demo` on a fresh machine: makes .venv, then two clips, then a transfer.  All paths are relative, so the folder's
# name may hold spaces.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-full lint audit image-test portability-test clean

# Another interpreter than the newest of Python 3.11 to 3.14: make PYTHON=/opt/python3.11/bin/python3.11 demo
PYTHON =

RUN = .venv/bin/python -m

# A process for each core, which takes over what another has left to do.
PYTEST = pytest -n auto --maxprocesses 4 --dist worksteal

help:
	@echo 'make demo       two synthetic clips and a transfer between them, into demo_output/ (a few minutes)'
	@echo 'make test       the linters and the tests that take seconds'
	@echo 'make test-full  every test, the slow ones too'
	@echo 'make lint       ruff, mypy and hadolint only'
	@echo 'make audit      names pinned packages with known faults, by the package index and by scripts/known-faults.toml'
	@echo 'make image-test builds the Docker image and runs it, without a Docker daemon, as root (docs/docker.md)'
	@echo 'make portability-test follows the README on a fresh Debian 13 and 12, by debootstrap, as root'
	@echo 'make clean      removes .venv, demo_output/ and the tools'"'"' caches'
	@echo
	@echo 'Each makes .venv first, with the pinned packages of requirements.txt.  PYTHON=... names another Python (3.11 to 3.14).'

demo: .venv/ready
	@$(RUN) audiostyle demo -o demo_output

test: lint
	$(RUN) $(PYTEST) -m 'not slow'

test-full: lint
	$(RUN) $(PYTEST)

lint: .venv/ready-dev
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy audiostyle run_transfer.py
	.venv/bin/hadolint Dockerfile

audit: .venv/ready-dev
	@.venv/bin/python scripts/audit.py

# Needs buildah and debootstrap, but not .venv.  Another choice: make TARGETS='cpu cuda k80' image-test
TARGETS = cpu cuda

image-test:
	@PYTHONPATH=tests python3 tests/docker/check_image.py $(TARGETS)

# Needs debootstrap, but not .venv.  Another choice: make SUITES='--with-tests trixie' portability-test
SUITES = trixie bookworm

portability-test:
	@PYTHONPATH=tests python3 tests/portability/check_roots.py $(SUITES)

# The stamps are written last: a .venv without them is unfinished, and the next call starts it afresh.
.venv/ready: requirements.txt requirements-build.txt
	@scripts/set-up run '$(PYTHON)'
	@touch $@

.venv/ready-dev: .venv/ready requirements-dev.txt
	@scripts/set-up dev
	@touch $@

clean:
	rm -rf .venv demo_output .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find audiostyle tests -name __pycache__ -type d -prune -exec rm -rf {} +
