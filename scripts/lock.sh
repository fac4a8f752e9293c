#!/usr/bin/env bash
# Rewrite requirements/*.txt from pyproject.toml. Needs uv; honours UV_DEFAULT_INDEX.
set -euo pipefail
cd "$(dirname "$0")/.."
UV=${UV:-uv}

compile() { # compile OUTPUT ARGUMENTS...
    local output=$1
    shift
    "$UV" pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --quiet \
        --custom-compile-command "make lock" \
        --constraint requirements/constraints.in --output-file "$output" "$@"
}

# dev holds app and worker, so it goes first and the others follow its versions.
compile requirements/dev.txt --extra worker --extra dev
compile requirements/app.txt --constraint requirements/dev.txt
compile requirements/worker.txt --constraint requirements/dev.txt --extra worker
compile requirements/gpu.txt --constraint requirements/dev.txt --extra gpu
"$UV" pip compile requirements/build.in --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --quiet --custom-compile-command "make lock" \
    --constraint requirements/dev.txt --output-file requirements/build.txt
