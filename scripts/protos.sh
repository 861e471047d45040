#!/usr/bin/env bash
# Generates the Python stubs, with types, from protos/ into protos/gen (or into the folder named).
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-protos/gen}
export PATH="$PWD/.venv/bin:$PATH"
third_party=$(python -c 'import google.rpc, pathlib; print(pathlib.Path(google.rpc.__path__[0]).parents[1])')
rm -rf "$out/rookery" && mkdir -p "$out"
mapfile -t files < <(find protos/rookery -name '*.proto' | sort)
python -m grpc_tools.protoc -Iprotos -I"$third_party" --python_out="$out" --grpc_python_out="$out" --mypy_out="quiet:$out" --mypy_grpc_out="quiet:$out" "${files[@]}"
find "$out/rookery" -type d -exec touch {}/__init__.py {}/py.typed \;
find "$out/rookery" -mindepth 1 -name py.typed -not -path "$out/rookery/py.typed" -delete
for package in "$out"/rookery/*/; do rmdir "$package" 2>/dev/null || true; done
