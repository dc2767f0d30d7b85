#!/bin/sh
# Everything that is checked without running the program: style, types, floors, manifest.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
failed=
step() {
    printf '\n== %s\n' "$*"
    "$@" || failed="$failed $1"
}

step ruff check .
step ruff format --check .
step mypy
step lint-imports --no-cache
step npe2 validate napari.yaml
[ -z "$failed" ] || { printf '\nnot clean:%s\n' "$failed" >&2; exit 1; }
