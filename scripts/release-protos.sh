#!/usr/bin/env bash
# Makes the contracts as they stand the ones that later changes must not break. Run at each release of protos.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/buf.sh
scripts/protos-image.sh protos/released.binpb
