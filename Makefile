# Every target sets up what it needs by itself. PYTHON may name any Python from 3.10 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo studio test test-long browser check format catalogue images clean

demo: $(VENV)/installed
	$(BIN)/shelftalk demo

studio: $(VENV)/installed-studio
	$(BIN)/shelftalk studio

test: $(VENV)/installed-dev browser check
	$(BIN)/python -m pytest

# The studio's tests drive Chromium. Where it cannot be installed without a question they are skipped, and say so.
browser:
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then true; \
	elif command -v apt-get && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else false; fi >/dev/null || echo "No Chromium here, so the browser tests will be skipped; on Debian: apt-get install chromium"

test-long: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m slow

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

catalogue: $(VENV)/installed
	$(BIN)/python demo_catalogue/build.py

images: $(VENV)/installed-dev browser
	$(BIN)/python -m tools.make_images

clean:
	rm -rf $(VENV) workspace build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "shelftalk needs Python 3.10 to 3.13, and $(PYTHON) is another; run: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-studio: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[studio]'
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
