#!/bin/sh
# The whole check, as CI runs it: lint, docs (warnings are errors), then pytest; words after it go to pytest.
# Without words the engine is tested beside the window, in half the time.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH

sh tools/lint.sh
printf '\n== docs\n'
NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
printf '\n== pytest\n'
if ! sh tools/with_screen.sh true; then
    echo "There is no screen and no xvfb-run, so the tests of the window (tests/plugin) CANNOT RUN here." >&2
    echo "Install it: sudo apt-get install xvfb" >&2
    [ -z "${CI:-}" ] || exit 1
    exec python -m pytest --ignore=tests/plugin "$@"
fi
[ $# = 0 ] || exec sh tools/with_screen.sh python -m pytest "$@"

told=$(mktemp)
python -m pytest --ignore=tests/plugin -p no:cacheprovider >"$told" 2>&1 &
engine=$!
trap 'kill $engine 2>/dev/null || true; rm -f "$told"' EXIT
trap 'exit 130' INT TERM
window=0
sh tools/with_screen.sh python -m pytest tests/plugin || window=$?
printf '\n== pytest, the engine\n'
failed=0
wait $engine || failed=$?
cat "$told"
exit $((window ? window : failed))
