#!/bin/sh
# Makes .venv from the pinned constraints: `setup_env.sh demo` (the window and the engine) or
# `setup_env.sh test` (with torch and the developer's tools too). Does nothing when .venv is up to date.
set -eu
cd "$(dirname "$0")/.."
want=${1:-demo}
case $want in
    demo) extras=gui ;;
    test) extras=gui,train,dev ;;
    *) echo "usage: setup_env.sh demo|test" >&2; exit 2 ;;
esac

say() { echo "napari-atomai: $*" >&2; }

# The stamp names everything the environment is made of; "test" is the larger one and serves the demo too.
fingerprint=$(cat pyproject.toml constraints.txt tools/setup_env.sh | cksum | tr ' ' '-')
here=$(pwd)
up_to_date() { [ "$(cat .venv/made-for-"$1" 2>/dev/null)" = "$fingerprint $here" ] && [ -x .venv/bin/python ]; }
if up_to_date "$want" || { [ "$want" = demo ] && up_to_date test; }; then
    .venv/bin/python -c "" 2>/dev/null && exit 0
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
may_apt() {
    command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

# A Python of 3.11 or newer. PYTHON=... chooses one by hand.
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
python=
candidates=${PYTHON:-python3 python3.13 python3.12 python3.11 python}
for name in $candidates; do
    if new_enough "$name"; then python=$name; break; fi
done
if [ -z "$python" ]; then
    say "no Python 3.11 or newer was found (tried: $candidates; python3 is $(python3 --version 2>&1 || true))."
    say "Install one, for example: sudo apt-get install python3.12 python3.12-venv   (or see python.org),"
    say "then run again; PYTHON=/path/to/python make $want   uses one that is not on the PATH."
    exit 1
fi

# Debian and Ubuntu ship venv and ensurepip apart from Python.
if ! "$python" -c "import venv, ensurepip" 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if may_apt; then
        say "installing $package (Python's venv module is missing)"
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package"
    else
        say "Python's venv module is missing, and it may not be installed from here. Type this, then run again:"
        say "    sudo apt-get install $package"
        exit 1
    fi
fi

say "making .venv with $("$python" --version) ($extras); the first time takes some minutes"
wanted=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
found=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
[ "$wanted" = "$found" ] || "$python" -m venv --clear .venv
rm -f .venv/made-for-*

install() {
    .venv/bin/python -m pip install -qq --progress-bar off --disable-pip-version-check -c constraints.txt "$@"
}
{ install hatchling editables && install --no-build-isolation -e ".[$extras]"; } || {
    say "pip could not install the packages: its message is above. It says more when you type"
    say "    .venv/bin/python -m pip install -c constraints.txt -e '.[$extras]'"
    say "Behind a proxy, set HTTPS_PROXY. On a machine without network, see docs/install.md, 'Without a network'."
    exit 1
}
echo "$fingerprint $here" > .venv/made-for-"$want"
say "the environment is ready: .venv"
