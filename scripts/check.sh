#!/usr/bin/env bash
# What every change must pass before it is pushed; needs no engine. Stops at the first step that fails.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { # step NAME COMMAND...
  local name=$1 start=$EPOCHREALTIME
  shift
  printf '%-34s' "$name"
  if ! "$@" >"$work/out" 2>&1; then
    printf 'FAILED\n\n'
    cat "$work/out"
    printf '\nmake check stopped at: %s\n' "$name"
    exit 1
  fi
  awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "ok %6.1f s\n", b - a }'
}
files() { git ls-files -z --cached --others --exclude-standard -- "$@" ':!protos/gen'; }
each() { local -a names; mapfile -d '' -t names < <(files "$1"); shift; "$@" "${names[@]}"; } # each PATTERN COMMAND...

stubs() {
  scripts/protos.sh "$work/gen"
  if ! diff -rq -x __pycache__ "$work/gen" protos/gen; then
    echo "protos/gen is stale: run make protos"
    return 1
  fi
}
shell() { # Debian's shellcheck; optional, since it is no Python package.
  if command -v shellcheck >/dev/null; then each '*.sh' shellcheck; fi
}

step "ruff check" ruff check --quiet --output-format concise
step "ruff format" ruff format --check --quiet
step "ceilings" each '*.py' python scripts/ceilings.py
step "no index, no machine's path" each '*' python scripts/tracked.py
step "shell scripts" shell
step "lock: floors, services' subsets" python scripts/floors.py requirements.txt services/*/requirements.txt
step "changelogs" scripts/changelogs.sh
step "protos compile" scripts/protos-image.sh "$work/image.binpb"
step "buf lint, buf breaking" scripts/buf.sh "$work/image.binpb"
step "generated stubs are fresh" stubs
step "topics.yaml, golden examples" python scripts/topics.py "$work/image.binpb"
step "generated pages are fresh" python scripts/docs.py --check
step "charts: generated parts are fresh" python scripts/charts.py --check
step "charts: lint, render, schemas" scripts/charts.sh
step "who imports whom" lint-imports --no-logo --cache-dir .rookery/import-linter
step "types" scripts/types.sh
step "tests of these tools" env PYTHONPATH=bench pytest -q tests/scripts bench/tests deploy/k8s/tests
