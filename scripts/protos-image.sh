#!/usr/bin/env bash
# Compiles protos/ into the descriptor set named, with comments' positions, so that buf needs neither network nor compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
third_party=$(python -c 'import google.rpc, pathlib; print(pathlib.Path(google.rpc.__path__[0]).parents[1])')
mapfile -t files < <(find protos/rookery -name '*.proto' | sort)
python -m grpc_tools.protoc -Iprotos -I"$third_party" --include_imports --include_source_info \
  --descriptor_set_out="$1" "${files[@]}"
