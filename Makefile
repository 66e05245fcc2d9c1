# Seven words: demo, preview, test, run, format, bench, clean. Each builds the virtual environment first if it has to.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The demo plays on a fixed day, so that its output is the same on every machine.
DEMO_NOW := 2026-11-20T09:00:00Z
# What decides, without input or output: every line and branch of it is run by the tests.
CORE := newsletter/model/*.py,newsletter/errors.py,newsletter/periods.py,newsletter/audience.py,newsletter/similarity.py,newsletter/digest.py,newsletter/pacing.py,newsletter/wishes.py,newsletter/searching.py,newsletter/subscribe.py
NEWSLETTER := $(BIN)/newsletter

.PHONY: demo preview test run format bench clean

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

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) public var preview build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
