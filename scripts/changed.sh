#!/usr/bin/env bash
# The services that a pipeline is to build, as JSON: `changed.sh REF [BASE]`. Of a tag (refs/tags/post/v1.4.0) its service; else those that
# changed since BASE: all ten where what they share changed.
set -euo pipefail
cd "$(dirname "$0")/.."
ref=$1 base=${2:-}
services=()
for file in services/*/Dockerfile; do services+=("$(basename "$(dirname "$file")")"); done
case "$ref" in
  refs/tags/common/* | refs/tags/protos/*) picked=() ;;
  refs/tags/*/v*) ref=${ref#refs/tags/} picked=("${ref%%/*}") ;;
  *)
    mapfile -t changed < <(git diff --name-only "$base...HEAD")
    picked=()
    for name in "${services[@]}"; do
      for path in "${changed[@]}"; do
        case "$path" in
          "services/$name/"* | "deploy/helm/$name/"* | libs/common/* | protos/* | deploy/images/* | deploy/helm/common/*)
            picked+=("$name")
            break
            ;;
        esac
      done
    done
    ;;
esac
separator='' list=''
for name in "${picked[@]}"; do
  [[ " ${services[*]} " == *" $name "* ]] || { echo "$ref names no service" >&2; exit 1; }
  list+="$separator\"$name\"" separator=,
done
echo "[$list]"
