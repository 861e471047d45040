#!/usr/bin/env bash
# Proves that each service is released alone: the flows run with one service at its last release (its last tag) beside the others as they
# are here, and then the other way round, with it as it is here beside the others' last releases. `skew.sh [SERVICE...]`, all ten without
# one. Runs beside a platform of its own (`make skew`). Stores are migrated by the newer of the two, so the older code runs on them.
set -euo pipefail
cd "$(dirname "$0")/.."
local=(.venv/bin/python -m rookery_local)
export PYTHONPATH=deploy/local
flows=(tests/integration/test_{sign_up,post_to_feed,follow_notifies,engagement,search,chat,takedown_hides_everywhere}.py)
all=(auth user post feed messaging notification search analytics moderation gateway)
services=("${all[@]}")
releases=$PWD/.rookery/releases

last() { git tag --list "$1/v*" --sort=-version:refname | head -1; }
for name in "${all[@]}"; do
  if [ -z "$(last "$name")" ]; then
    echo "$name was never released here (no tag $name/v…): make release SERVICE=$name VERSION=…, or git fetch --tags" >&2
    exit 1
  fi
done

if [ "${1:-}" != --beside ]; then
  # Each service runs by an interpreter that is chosen at each of its starts.
  choices=$(mktemp -d)
  trap 'rm -rf "$choices"' EXIT
  for name in "${all[@]}"; do
    scripts/released.sh "$(last "$name")" "$releases/$name" >/dev/null
    # shellcheck disable=SC2016 # the script that is written expands it
    printf '#!/bin/sh\nexec "$(cat %q)" "$@"\n' "$choices/$name" >"$choices/python-$name"
    chmod 755 "$choices" "$choices/python-$name"
    echo "$PWD/.venv/bin/python" >"$choices/$name"
    export "ROOKERY_PYTHON_${name^^}=$choices/python-$name"
  done
  export CHOICES=$choices
  "${local[@]}" exec --platform -- "$0" --beside "$@"
  exit
fi
shift
[ $# -eq 0 ] || services=("$@")

use() { # use here|released SERVICE...
  local what=$1 name
  shift
  for name in "$@"; do
    case $what in
      here) echo "$PWD/.venv/bin/python" ;;
      released) echo "$releases/$name/bin/python" ;;
    esac >"$CHOICES/$name"
    "${local[@]}" stop "$name"
    "${local[@]}" start "$name" >/dev/null
  done
  sleep 3 # Whoever was refused meanwhile connects again within two seconds; a release has other replicas until then.
}
# Without those that take engines away: what Redis has lost shows as gaps to whoever comes after.
flow() { # flow WHAT
  printf '%-60s' "$1"
  local log
  log=$(mktemp)
  if .venv/bin/python -m pytest "${flows[@]}" -m "not alone" --quiet --no-header -p no:cacheprovider --tb short >"$log" 2>&1; then
    tail -n 1 "$log"
  else
    echo FAILED
    cat "$log"
    failed=1
  fi
  rm -f "$log"
}

failed=0
for name in "${services[@]}"; do
  use released "$name"
  flow "$name as of $(last "$name"), the others as they are here"
  use here "$name"
done
for name in "${all[@]}"; do use released "$name"; done
for name in "${services[@]}"; do
  use here "$name"
  flow "$name as it is here, the others as last released"
  use released "$name"
done
exit "$failed"
