# Thin: each target calls a short script in tools/. PYTHON=python3.12 make demo   chooses the Python.
.DEFAULT_GOAL := help
.PHONY: help demo test env lint format docs screenshots bench lock clean

help:         ## this list
	@sed -n 's/^\([a-z]*\): *## */\1|/p; s/^\([a-z]*\):[^#]*## */\1|/p' Makefile | sort -u | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

demo:         ## find atoms in sample images: in napari, or as files where there is no screen
	@sh tools/setup_env.sh demo
	@sh tools/system_libs.sh
	@.venv/bin/python tools/demo.py

test: env     ## style, types, floors, docs and tests: what CI runs
	@sh tools/test.sh

env:          ## the environment for work on the code
	@sh tools/setup_env.sh test
	@sh tools/system_libs.sh --xvfb

lint: env     ## style, types, floors, manifest
	@sh tools/lint.sh

format: env   ## let ruff lay out the code
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

docs: env     ## build the site into site/
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict

screenshots: env ## take the pictures in docs/images anew
	@sh tools/with_screen.sh .venv/bin/python tools/screenshots.py

bench: env    ## measure speed and memory
	@.venv/bin/python benchmarks/first_click.py --large
	@.venv/bin/python benchmarks/refine.py
	@sh tools/with_screen.sh .venv/bin/python -m benchmarks.window

lock:         ## write constraints.txt from the versions in .venv
	@head -2 constraints.txt > constraints.new
	@.venv/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' >> constraints.new
	@mv constraints.new constraints.txt

clean:        ## remove everything that was made here, except .venv
	rm -rf build dist site out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find napari_atomai tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
