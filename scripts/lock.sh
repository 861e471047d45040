#!/usr/bin/env bash
# Resolves the one lock of third parties, then each service's part of it. No index address is written.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
compile() { "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
  --no-emit-package rookery-protos --no-emit-package rookery-common --custom-compile-command "make lock" "$@"; }
packages=()
for project in services/*/pyproject.toml; do packages+=("$project"); done
compile requirements.in libs/common/pyproject.toml protos/pyproject.toml "${packages[@]}" --all-extras --output-file requirements.txt
for project in "${packages[@]}"; do
  compile "$project" --constraint requirements.txt --output-file "$(dirname "$project")/requirements.txt"
done
