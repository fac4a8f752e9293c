#!/usr/bin/env bash
# Format, lint, types, imports, spelling, templates: everything is run, then what failed is named.
set -uo pipefail
cd "$(dirname "$0")/.."
BIN=.venv/bin
failed=()

run() { # run NAME COMMAND...
    local name=$1
    shift
    "$@" || failed+=("$name")
}

run format "$BIN/ruff" format --check --quiet .
run lint "$BIN/ruff" check --quiet .
run types "$BIN/mypy"
run imports "$BIN/lint-imports" --no-logo
run spelling "$BIN/codespell" .
templates=$(git ls-files '*.html' '*.jinja' '*.j2')
if [ -n "$templates" ]; then
    # shellcheck disable=SC2086 - one path a word
    run templates "$BIN/djlint" --lint --quiet $templates
fi

if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}" >&2
    exit 1
fi
echo "format, lint, types, imports, spelling, templates: all clean"
