#!/usr/bin/env bash
# Runs the tests beside the platform whose environment is set: the parts in parallel, then the flows, which stop engines.
set -euo pipefail
cd "$(dirname "$0")/.."
pytest=(.venv/bin/python -m pytest)
if [ $# -gt 0 ]; then exec "${pytest[@]}" "$@"; fi
"${pytest[@]}" libs/common/tests services deploy/local/tests -n 2 --dist loadfile --durations 15
"${pytest[@]}" tests/integration --durations 10
