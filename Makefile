# Two commands on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := saved_models/demo

.PHONY: demo test lint docs clean

$(VENV)/.installed: setup.cfg setup.py pyproject.toml
	@echo "Installing into $(VENV): TensorFlow and the rest take some minutes the first time ..." >&2
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

demo: $(VENV)/.installed
	rm -rf $(DEMO)
	$(BIN)/fer-keras train --recipe quickstart --data synthetic --name demo
	$(BIN)/fer-keras evaluate $(DEMO) --split validation
	$(BIN)/fer-keras evaluate $(DEMO) --split test
	$(BIN)/fer-keras export $(DEMO) --format savedmodel,tflite
	@echo
	@echo "Look at:  $(DEMO)/curves.png"
	@echo "          $(DEMO)/evaluation/test/confusion_matrix.png"
	@echo "          $(DEMO)/exports/savedmodel  and  $(DEMO)/exports/model_float32.tflite"
	@echo "With FER2013:  $(BIN)/fer-keras train --model cnn --data fer2013.csv"

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "Look at:  docs/_build/html/index.html"

clean:
	rm -rf $(VENV) build dist *.egg-info
