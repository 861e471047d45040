#!/usr/bin/env bash
# Builds the services' images: `images.sh [SERVICE...]`, all ten without one. Prints the name of each.
#   IMAGES        what stands before a service's name: a registry's host and path (localhost/rookery)
#   IMAGE_TAG     the tag (what git calls this commit)
#   IMAGES_TO     what becomes of them: nothing (the engine keeps them), `push`, or a command that is given the path of one
#                 archive with all of them, such as `kind load image-archive` or `ctr --namespace k8s.io images import`
#   DOCKER        the command that builds (docker)
#   BUILD_OPTIONS more for it: --build-arg PYTHON_IMAGE=..., --secret id=pip,src=pip.conf, --network host
set -euo pipefail
cd "$(dirname "$0")/.."
prefix=${IMAGES:-localhost/rookery}
tag=${IMAGE_TAG:-$(git describe --always --dirty --exclude '*')}
read -ra docker <<<"${DOCKER:-docker}"
read -ra options <<<"${BUILD_OPTIONS:-}"
services=("$@")
if [ $# -eq 0 ]; then
  for file in services/*/Dockerfile; do services+=("$(basename "$(dirname "$file")")"); done
fi

names=()
for service in "${services[@]}"; do
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "services/$service/pyproject.toml")
  name=$prefix/$service:$tag
  # By its content: old engines take two Dockerfiles of one size and date, as a checkout makes them, for the same.
  DOCKER_BUILDKIT=1 "${docker[@]}" build --quiet "${options[@]}" --file - --tag "$name" \
    --label "org.opencontainers.image.title=rookery-$service" --label "org.opencontainers.image.version=$version" \
    --label "org.opencontainers.image.licenses=Apache-2.0" . <"services/$service/Dockerfile" >/dev/null
  echo "$name"
  names+=("$name")
done

scripts/images-to.sh "${names[@]}"
