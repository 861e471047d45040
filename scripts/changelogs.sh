#!/usr/bin/env bash
# Each package that changed since its last tag (`post/v1.4.0`) has a line under Unreleased in its CHANGELOG.
set -euo pipefail
cd "$(dirname "$0")/.."
for changelog in services/*/CHANGELOG.md libs/common/CHANGELOG.md protos/CHANGELOG.md; do
  folder=${changelog%/CHANGELOG.md}
  tag=$(git describe --tags --abbrev=0 --match "$(basename "$folder")/v*" 2>/dev/null) || continue # never released
  git diff --name-only "$tag" -- "$folder" ":!$folder/tests" ":!*.md" | .venv/bin/python scripts/changelog.py "$changelog"
done
