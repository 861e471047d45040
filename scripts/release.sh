#!/usr/bin/env bash
# Releases one package: `release.sh post 1.4.0` (or common, or protos). Writes the version and the CHANGELOG, commits, tags post/v1.4.0.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-} version=${2:-}
case "$name" in
  common) folder=libs/common ;;
  protos) folder=protos ;;
  *) folder=services/$name ;;
esac
if [ -z "$name" ] || [ -z "$version" ] || [ ! -f "$folder/pyproject.toml" ]; then
  echo "usage: make release SERVICE=post VERSION=1.4.0   (SERVICE: a folder of services/, common or protos)" >&2
  exit 2
fi
if [ -n "$(git status --porcelain)" ]; then
  echo "There are uncommitted changes: a tag would not say what was released." >&2
  exit 1
fi
.venv/bin/python scripts/release.py "$folder" "$version"
if [ "$name" = protos ]; then scripts/release-protos.sh; fi
git commit --quiet --message "Release $name $version" -- "$folder"
git tag --annotate "$name/v$version" --message "$name $version"
echo "Tagged $name/v$version. Publish it: git push --follow-tags"
