#!/bin/sh
# The whole check, as CI runs it: lint, docs (warnings are errors), then pytest; words after it go to pytest.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH

sh tools/lint.sh
printf '\n== docs\n'
NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
printf '\n== pytest\n'
if sh tools/with_screen.sh true; then
    exec sh tools/with_screen.sh python -m pytest "$@"
fi
echo "There is no screen and no xvfb-run, so the tests of the window (tests/plugin) CANNOT RUN here." >&2
echo "Install it: sudo apt-get install xvfb" >&2
[ -z "${CI:-}" ] || exit 1
exec python -m pytest --ignore=tests/plugin "$@"
