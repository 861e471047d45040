#!/usr/bin/env bash
# Writes what a service's image is made of, as CycloneDX: `sbom.sh FOLDER [SERVICE...]`, all ten without one. From the locks, so it needs no image
# and is the same each time; the base image's Debian packages are the base's own.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:?usage: sbom.sh FOLDER [SERVICE...]}
shift
mkdir -p "$folder"
services=("$@")
if [ $# -eq 0 ]; then
  for file in services/*/Dockerfile; do services+=("$(basename "$(dirname "$file")")"); done
fi
for service in "${services[@]}"; do
  # Hashes of all platforms' wheels would make it ten times as long and say nothing of what is in the image.
  sed -n 's/^\([A-Za-z0-9][^ ;]*==[^ ;]*\).*/\1/p' "services/$service/requirements.txt" |
    .venv/bin/cyclonedx-py requirements --pyproject "services/$service/pyproject.toml" --output-reproducible \
      --output-format JSON --output-file "$folder/$service.cdx.json" -
done
