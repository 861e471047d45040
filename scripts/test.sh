#!/usr/bin/env bash
# Runs the tests beside the platform whose environment is set: each package's in a process of their own, two at a time,
# then the flows, one by one, for they stop engines. With arguments: pytest with those.
set -euo pipefail
cd "$(dirname "$0")/.."
pytest=(.venv/bin/python -m pytest)

run_part() {
  local log started=$SECONDS
  log=$(mktemp)
  if "${pytest[@]}" "$1" --durations 5 --durations-min 2 >"$log" 2>&1; then
    printf '%-32s %s\n' "$1" "$(tail -n 1 "$log" | tr -d '=')"
  else
    printf '%-32s FAILED after %s s\n' "$1" $((SECONDS - started))
    cat "$log"
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

if [ "${1:-}" = --part ]; then
  run_part "$2"
elif [ $# -gt 0 ]; then
  exec "${pytest[@]}" "$@"
else
  # The longest first, so that none is left to run alone at the end.
  parts=(services/post/tests libs/common/tests services/gateway/tests services/feed/tests)
  for part in services/*/tests deploy/*/tests; do
    [[ " ${parts[*]} " == *" $part "* ]] || parts+=("$part")
  done
  # Whoever waits for all of it wants to know all that is wrong.
  failed=0
  printf '%s\n' "${parts[@]}" | xargs -P 2 -I{} "$0" --part {} || failed=1
  # Short tracebacks: what the services complained of meanwhile says more than a client's inner frames.
  "${pytest[@]}" tests/integration --durations 10 --tb short || failed=1
  exit "$failed"
fi
