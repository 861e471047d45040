#!/usr/bin/env bash
# Runs the tests beside the platform whose environment is set: each package's in a process of their own, two at a time,
# and beside them the flows, one by one; then those that take engines away, and meanwhile, on a platform of their own, those
# with TLS and passwords everywhere. With arguments: pytest with those.
#
# What failed is run again, alone. A test that then passes is told of as unsteady at the end, where it is seen; more than
# three of those in a run fail it, for chance doesn't strike that often.
set -euo pipefail
cd "$(dirname "$0")/.."
pytest=(.venv/bin/python -m pytest)
unsteady_allowed=3
# Enough of the platform for the flows with TLS.
few=()
for service in analytics messaging moderation notification search; do few+=(--without "$service"); done

run_part() {
  local part=$1 name=${1//\//-} started=$SECONDS
  # Short tracebacks: what the services complained of meanwhile says more than a client's inner frames.
  if pytest_of "$part" --tb short --durations 5 --durations-min 2 >"$results/$name.log" 2>&1; then
    # Not the last line: a library may complain as the interpreter ends.
    printf '%-32s %s\n' "$part" "$(grep -E ' in [0-9.]+s' "$results/$name.log" | tail -n 1 | tr -d '=')"
  else
    printf '%-32s FAILED after %s s\n' "$part" $((SECONDS - started))
    cat "$results/$name.log"
    echo "$part" >>"$results/failed"
  fi
}

# Each part remembers what failed in a place of its own, for several run at a time.
pytest_of() {
  local what=("$1") on=()
  [ "$1" != secure ] || on=(env PYTHONPATH=deploy/local .venv/bin/python -m rookery_local exec --platform --secure "${few[@]}" --)
  case $1 in
    flows) what=(tests/integration -m "not alone") ;;
    flows-alone) what=(tests/integration -m alone) ;;
    secure) what=(tests/integration/secure) ;;
  esac
  "${on[@]}" "${pytest[@]}" "${what[@]}" -o cache_dir="$results/cache/${1//\//-}" "${@:2}"
}

# Runs again what failed, and says at the very end what that was and how it went.
try_again() {
  local part name verdict
  while read -r part; do
    name=${part//\//-}
    if pytest_of "$part" --last-failed --last-failed-no-failures all --tb short >"$results/$name.again" 2>&1; then
      verdict="passed when run again, alone"
    else
      verdict="failed again, alone"
      tail -n 60 "$results/$name.again"
      touch "$results/failed-again"
    fi
    echo "$part: $verdict" >>"$results/verdicts"
    grep -E '^(FAILED|ERROR) ' "$results/$name.log" | cut -c 1-300 >>"$results/verdicts" || touch "$results/failed-again"
  done <"$results/failed"
  printf '\nWhat failed:\n'
  cat "$results/verdicts"
  [ ! -e "$results/failed-again" ] && [ "$(grep -cE '^(FAILED|ERROR) ' "$results/verdicts")" -le "$unsteady_allowed" ]
}

if [ "${1:-}" = --part ]; then
  run_part "$2"
elif [ $# -gt 0 ]; then
  exec "${pytest[@]}" "$@"
else
  results=$(mktemp -d)
  export results
  trap 'rm -rf "$results"' EXIT
  # The longest first, so that none is left to run alone at the end.
  parts=(flows services/post/tests libs/common/tests services/gateway/tests services/feed/tests)
  for part in services/*/tests deploy/*/tests; do
    [[ " ${parts[*]} " == *" $part "* ]] || parts+=("$part")
  done
  # Whoever waits for all of it wants to know all that is wrong.
  printf '%s\n' "${parts[@]}" | xargs -P 3 -I{} "$0" --part {}
  run_part secure &
  run_part flows-alone
  wait
  [ ! -e "$results/failed" ] || try_again
fi
