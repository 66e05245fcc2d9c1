# Words: demo, preview, test, run, format, bench, lock, audit, sbom, clean. Each builds the virtual environment first if it has to.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The demo plays on a fixed day, so that its output is the same on every machine.
DEMO_NOW := 2026-11-20T09:00:00Z
# What decides, without input or output: every line and branch of it is run by the tests.
CORE := newsletter/model/*.py,newsletter/errors.py,newsletter/periods.py,newsletter/audience.py,newsletter/similarity.py,newsletter/digest.py,newsletter/pacing.py,newsletter/wishes.py,newsletter/searching.py,newsletter/subscribe.py
NEWSLETTER := $(BIN)/newsletter
# What builds is installed first, so that no build fetches anything; then every file is compared with its hash.
TOOLS := $(VENV)-tools/bin
INSTALL := pip install --quiet --disable-pip-version-check --require-hashes
# The versions that are locked stay, where they can, as long as nobody says `make lock UPGRADE=--upgrade`.
LOCK := $(TOOLS)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header $(UPGRADE)

.PHONY: demo preview test run format bench lock audit sbom clean

demo: $(VENV)/installed
	@$(NEWSLETTER) ingest --now $(DEMO_NOW)
	@$(NEWSLETTER) subscribers add ann@example.org --name "Ann Example" --newsletter daily \
		--consent "sample data" --now $(DEMO_NOW)
	@$(NEWSLETTER) subscribers add carl@example.org --name "Carl Example" --newsletter caregiver-weekly \
		--consent "sample data" --now $(DEMO_NOW)
	@$(NEWSLETTER) subscribers add dora@example.org --name "Dr Dora Example" --newsletter clinician-monthly \
		--newsletter daily --consent "sample data" --now $(DEMO_NOW)
	@$(NEWSLETTER) publish --now $(DEMO_NOW)
	@$(NEWSLETTER) deliver --now $(DEMO_NOW)
	@$(NEWSLETTER) status --now $(DEMO_NOW)

preview: $(VENV)/installed
	@$(NEWSLETTER) ingest --now $(DEMO_NOW)
	@$(NEWSLETTER) preview --now $(DEMO_NOW)

run: $(VENV)/installed
	@$(NEWSLETTER) run

test: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --include='$(CORE)' --fail-under=100

format: $(VENV)/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/installed
	for each in bench/*.py; do $(BIN)/python $$each || exit 1; done

lock: $(VENV)-tools/installed
	$(LOCK) requirements/build.in --output-file requirements/build.txt
	$(LOCK) pyproject.toml --extra dev --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --extra css-inline --extra postgres --constraint requirements/dev.txt --output-file requirements/run.txt
	$(LOCK) requirements/tools.in --output-file requirements/tools.txt

audit: $(VENV)-tools/installed
	@$(TOOLS)/pip-audit --require-hashes --disable-pip --progress-spinner off --format json \
		--requirement requirements/run.txt | $(TOOLS)/python requirements/audit.py

sbom: $(VENV)/installed $(VENV)-tools/installed
	$(TOOLS)/cyclonedx-py environment --pyproject pyproject.toml --output-format JSON --output-file sbom.json $(BIN)/python

$(VENV)/installed: pyproject.toml requirements/build.txt requirements/dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(INSTALL) --requirement requirements/build.txt
	$(BIN)/$(INSTALL) --no-build-isolation --requirement requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)-tools/installed: requirements/tools.txt
	$(PYTHON) -m venv $(VENV)-tools
	$(TOOLS)/$(INSTALL) --requirement requirements/tools.txt
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-tools sbom.json public var preview build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
