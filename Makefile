# Every target sets up what it needs by itself. PYTHON may name any Python from 3.10 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# pip leaves modules uncompiled: what one process compiles is kept for the next. The reason is in
# docs/decisions/0110-make-installs-without-compiling-modules.md.
unexport PYTHONDONTWRITEBYTECODE

# Which torch: automatic (without CUDA where no NVIDIA card is), cpu or cuda. docs/install.md says more.
TORCH := automatic
TORCH_INDEX := https://download.pytorch.org/whl/cpu

# Each worker takes whole files or groups of them, the longest first; their number is in tests/suite.py.
TESTS := $(BIN)/python -m pytest -n auto --no-loadscope-reorder --durations=20

.PHONY: demo studio test quick test-long check format catalogue images video docs clean

demo: $(VENV)/installed
	$(BIN)/shelftalk demo

studio: $(VENV)/installed-studio
	$(BIN)/shelftalk studio

test: $(VENV)/installed-dev $(VENV)/browser $(VENV)/clients/installed check
	$(TESTS)

# What to run after every change: no real model, browser, Ray, lower instruction sets, or killed processes.
quick: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(TESTS) -m "not (slow or model or browser or ray or levels or kill)"

# The long forms, which have a short one in `make test`: that draws the same random examples each time, this others.
test-long: $(VENV)/installed-dev $(VENV)/browser $(VENV)/clients/installed
	$(TESTS) -m "slow or hypothesis" --hypothesis-profile random

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

catalogue: $(VENV)/installed
	$(BIN)/python demo_catalogue/build.py

images: $(VENV)/installed-dev $(VENV)/browser
	$(BIN)/python -m tools.make_images

# The studio in seven scenes, with captions, as a WebM file: build/video/. `make video LANGUAGE=pt-BR` in Portuguese.
LANGUAGE := en
video: $(VENV)/installed-dev $(VENV)/browser
	$(BIN)/python -m tools.make_video --language $(LANGUAGE)

# Into build/docs. A warning, such as a broken link, is a failure.
docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --builder html --doctree-dir build/doctrees docs build/docs
	@echo "Open build/docs/index.html"

clean:
	rm -rf $(VENV) workspace build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "shelftalk needs Python 3.10 to 3.13, and $(PYTHON) is another; run: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --upgrade pip || \
		echo "The newer pip cannot be installed here; with Python's own the installation takes longer."

$(VENV)/torch: $(VENV)/bin/python constraints.txt
	$(BIN)/python tools/install_torch.py $(TORCH) $(TORCH_INDEX)
	touch $@

$(VENV)/installed: $(VENV)/torch pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-studio: $(VENV)/installed
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[studio]'
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $@

$(VENV)/installed-dev: $(VENV)/torch pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(VENV)/installed $(VENV)/installed-docs $@

# Other projects' clients of the server, in an environment of their own; tried each time until they are there.
CLIENTS := $(VENV)/clients
PINNED := $(addprefix tests/api/clients/,requirements.txt package.json package-lock.json)
$(CLIENTS)/installed: $(PINNED) | $(VENV)/bin/python
	@if $(BIN)/python -m venv $(CLIENTS) && cp $(PINNED) $(CLIENTS) && cd $(CLIENTS) && \
		bin/pip install --quiet --no-compile --disable-pip-version-check --requirement requirements.txt && \
		bin/npm ci --silent --ignore-scripts --no-audit --no-fund; \
	then touch $(CURDIR)/$@; \
	else echo "The other projects' clients cannot be installed here: their tests will be skipped."; fi

# Chromium for the studio's tests: looked for each time until it is there, installed where that asks nobody anything.
$(VENV)/browser: | $(VENV)/bin/python
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then touch $@; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1; \
	then touch $@; \
	else echo "There is no Chromium and apt-get cannot install it here: the studio's browser tests will be skipped."; fi
