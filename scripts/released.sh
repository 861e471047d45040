#!/usr/bin/env bash
# Installs a service as it was released, from its tag, with that release's own lock: `released.sh post/v0.1.0 FOLDER`. Prints
# the path of the interpreter that runs it. Nothing of this checkout is in it.
set -euo pipefail
cd "$(dirname "$0")/.."
tag=$1 folder=$2 service=${1%%/*}
uv=$PWD/.venv/bin/uv base=$PWD/.venv/bin/python
if [ "$(cat "$folder/.installed" 2>/dev/null)" != "$tag" ]; then
  source=$(mktemp -d)
  trap 'rm -rf "$source"' EXIT
  git archive "$tag" protos libs/common "services/$service" | tar -x -C "$source"
  rm -rf "$folder"
  "$uv" venv --quiet --python "$base" "$folder"
  "$uv" pip sync --quiet --python "$folder/bin/python" --require-hashes "$source/services/$service/requirements.txt"
  for part in protos libs/common "services/$service"; do
    "$uv" build --quiet --wheel --out-dir "$source/wheels" "$source/$part"
  done
  "$uv" pip install --quiet --python "$folder/bin/python" --no-deps --no-index "$source"/wheels/*.whl
  echo "$tag" >"$folder/.installed"
fi
echo "$folder/bin/python"
