#!/usr/bin/env bash
# Make .venv from a hash-locked requirements file: scripts/setup.sh [requirements/dev.txt]
# uv is used where it is found (UV_DEFAULT_INDEX names a mirror for it), else pip.
set -euo pipefail
cd "$(dirname "$0")/.."
LOCK=${1:-requirements/dev.txt}
VENV=.venv

usable() { # usable COMMAND: does it start, and is it a Python that TensorFlow has a wheel for?
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

has_pip() { # is there a virtual environment, and not one that uv made without pip?
    usable "$VENV/bin/python" && "$VENV/bin/python" -m pip --version >/dev/null 2>&1
}

if ! python=$(find_python); then
    {
        echo "Prunery needs Python 3.11, 3.12 or 3.13, and found none of them."
        if command -v python3 >/dev/null; then
            echo "python3 here is $(python3 -V 2>&1): TensorFlow has no wheel for Python 3.14 or later, nor for 3.10."
        fi
        echo "Install one of the three, or name it: make setup PYTHON=/path/to/python3.13"
    } >&2
    exit 1
fi

# --no-deps: the lock names everything. Where pip resolves for itself, pip before 23.3 takes the
# newest release of what is wanted with an extra, and refuses it for want of a hash.
echo "Making $VENV with $("$python" -V) from $LOCK" >&2
if command -v uv >/dev/null; then
    usable "$VENV/bin/python" ||
        uv venv --quiet --clear --python "$("$python" -c 'import sys; print(sys.executable)')" "$VENV"
    # Bytecode now: a sandboxed job may not write it later and would pay for it each time.
    VIRTUAL_ENV=$VENV uv pip install --quiet --compile-bytecode --require-hashes --no-deps -r "$LOCK"
    VIRTUAL_ENV=$VENV uv pip install --quiet --no-deps --no-build-isolation --editable .
else
    if ! has_pip && ! "$python" -m venv --clear "$VENV"; then
        echo "This Python cannot make virtual environments. On Debian: apt install python3-venv" >&2
        exit 1
    fi
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
        -r "$LOCK"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation --editable .
fi
# Ours, too: most of it is imported by no other process.
"$VENV/bin/python" -m compileall -q prunery app worker migrations
touch "$VENV/.installed"
