#!/usr/bin/env bash
# Lints the protos, and compares them with those of the last release. `buf.sh [IMAGE]` takes a descriptor set made before.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
if [ $# -gt 0 ]; then
  image=$1
else
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  image=$folder/image.binpb
  scripts/protos-image.sh "$image"
fi
mapfile -t paths < <(cd protos && find rookery -name '*.proto' | sort | sed 's/^/--path=/')
buf lint "$image" --config buf.yaml "${paths[@]}"
if [ -f protos/released.binpb ]; then
  buf breaking "$image" --config buf.yaml --against protos/released.binpb --exclude-imports
fi
