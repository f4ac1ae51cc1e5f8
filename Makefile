# Every task of the project; bare `make` lists them. To start it takes make and Python 3.11 or newer, nothing else.

VENV := .venv
PYTHON := $(VENV)/bin/python
# Tried in this order; the first that is new enough and can make virtual environments is taken.
PYTHONS ?= python3.13 python3.12 python3.11 python3
# Processes that share the tests; 0 keeps them in one.
WORKERS ?= 2
CUSTOMERS ?= 20000
# Our systems of equations are small: threads would wait for each other longer than they solve.
export OPENBLAS_NUM_THREADS ?= 1
BABEL = PYTHONPATH=. $(VENV)/bin/pybabel --quiet
CODE = src tests $(sort $(dir $(wildcard benchmarks/*.py docs/*.py)))

.DEFAULT_GOAL := help
.PHONY: help setup spark demo report test check bench coverage lock docs locale screenshots clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.dev ## Make .venv with all that developing needs

spark: $(VENV)/.spark ## Add Apache Spark to .venv (about 450 MB; running it takes Java 17)

demo: $(VENV)/.base ## Show the application with a company that does not exist, on http://localhost:8000
	@$(VENV)/bin/saydo demo build/demo-home --customers $(CUSTOMERS) $(ARGS)

report: $(VENV)/.base ## Write the report of a company that does not exist
	@mkdir -p build
	@if [ ! -f build/demo/saydo.json ]; then $(VENV)/bin/saydo simulate build/demo --customers $(CUSTOMERS) --seed 1; fi
	$(VENV)/bin/saydo report build/demo --output build/demo.html
	@echo "The report lies in $(CURDIR)/build/demo.html"
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then $(PYTHON) -m webbrowser "file://$(CURDIR)/build/demo.html"; fi

test: $(VENV)/.dev ## Run the tests (ARGS="-m slow" for the slow ones)
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

check: $(VENV)/.dev ## Find faults without running the code: style, types, locks
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy $(CODE)
	$(PYTHON) docs/build.py --check
	$(PYTHON) -m pytest -q tests/test_project.py

bench: $(VENV)/.dev ## Measure speed
	@set -e; for one in $(basename $(notdir $(wildcard benchmarks/bench_*.py))); do $(PYTHON) -m benchmarks.$$one; done

coverage: $(VENV)/.dev ## Count how often the intervals hold the truth, over 2,000 simulated companies
	$(PYTHON) -m benchmarks.coverage

docs: $(VENV)/.dev ## Write the generated pages of docs/ anew
	$(PYTHON) docs/build.py

locale: $(VENV)/.dev ## Bring the catalogues in line with the messages in the code
	@mkdir -p build
	$(BABEL) extract --mapping-file babel.cfg --no-default-keywords --no-location --sort-output --project Saydo \
	  -k mark -k translate -k mark_count:1,2 -k translate_count:1,2 --output build/saydo.pot src
	$(BABEL) update --input-file build/saydo.pot --output-dir src/saydo/locale --domain saydo --width 120 \
	  --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date

screenshots: $(VENV)/.dev ## Take the pictures in docs/ anew (needs Chromium)
	$(PYTHON) docs/screenshots.py

clean: ## Remove all that was made, .venv too
	rm -rf $(VENV) build dist htmlcov .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The environment: a stamp is redone when what it was made from has changed.

ifeq ($(shell command -v uv 2>/dev/null),)
INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check
else
INSTALL := uv pip install --quiet --python $(PYTHON)
endif

$(VENV)/.base: requirements/base.txt pyproject.toml | $(PYTHON)
	$(INSTALL) --require-hashes -r requirements/base.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.spark: requirements/spark.txt $(VENV)/.dev
	$(INSTALL) --require-hashes -r requirements/spark.txt
	@touch $@

$(PYTHON):
	@new_enough=; whole=; for one in $(PYTHONS); do \
	  $$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; new_enough=$${new_enough:-$$one}; \
	  if $$one -c 'import ensurepip, venv' 2>/dev/null; then whole=$$one; break; fi; \
	done; \
	if [ -z "$$new_enough" ]; then \
	  echo "Saydo needs Python 3.11 or newer; none of these is: $(PYTHONS)." >&2; \
	  echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python)," >&2; \
	  echo "or say where it is: make setup PYTHONS=/path/to/python3" >&2; exit 1; \
	elif [ -z "$$whole" ]; then \
	  echo "$$new_enough cannot make virtual environments, because its venv module is missing." >&2; \
	  $$new_enough -c 'import sys; print("Install it (Debian, Ubuntu: apt install python%d.%d-venv)." % sys.version_info[:2])' >&2; exit 1; \
	fi; \
	$$whole -m venv --clear $(VENV)

# The locks, for maintainers. uv resolves for all platforms and Python versions at once; developing does not need it.

UV := $(or $(shell command -v uv 2>/dev/null),build/uv/bin/uv)
COMPILE := $(UV) pip compile pyproject.toml --group build --universal --python-version 3.11 \
  --generate-hashes --no-annotate --no-header --quiet

lock: | $(UV) ## Resolve requirements/ from pyproject.toml (ARGS=--upgrade for newer versions)
	$(COMPILE) $(ARGS) --extra dev --output-file requirements/dev.txt
	$(COMPILE) $(ARGS) --constraints requirements/dev.txt --output-file requirements/base.txt
	$(COMPILE) $(ARGS) --extra spark --constraints requirements/dev.txt --output-file requirements/spark.txt

build/uv/bin/uv: | $(PYTHON)
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
