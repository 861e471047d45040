#!/usr/bin/env bash
# mypy, strict, over each member from its own folder, two at a time. `types.sh [MEMBER...]`
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
export root
members=("$@")
[ $# -gt 0 ] || members=(libs/common services/[a-z]* deploy/local deploy/backup deploy/k8s deploy/helm/tests tests/integration tests/scripts tests/demo bench scripts)

check() { # check FOLDER|FILE
  local folder=$1 target=.
  if [ -f "$1" ]; then folder=$(dirname "$1") target=$(basename "$1"); fi
  cd "$root/$folder"
  "$root/.venv/bin/mypy" --config-file "$root/pyproject.toml" --cache-dir "$root/.rookery/mypy/$1" --no-error-summary "$target" |
    sed "s|^|$folder/|"
  exit "${PIPESTATUS[0]}"
}
export -f check
# shellcheck disable=SC2016 # the inner shell expands it
printf '%s\0' "${members[@]}" | xargs -0 -P 2 -I{} bash -c 'check "$1"' types {}
