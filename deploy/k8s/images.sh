#!/usr/bin/env bash
# The ten images, the same of post once more as its next version, and two faulty ones; into the cluster, as IMAGES_TO says (scripts/images.sh).
set -euo pipefail
cd "$(dirname "$0")/../.."
read -ra docker <<<"${DOCKER:-docker}"
to=${IMAGES_TO:-}
mapfile -t names < <(IMAGES_TO='' scripts/images.sh)
post=$IMAGES/post
"${docker[@]}" tag "$post:$IMAGE_TAG" "$post:$IMAGE_NEXT_TAG"
DOCKER_BUILDKIT=1 "${docker[@]}" build --quiet --build-arg "IMAGE=$post:$IMAGE_TAG" --tag "$post:faulty" deploy/k8s/faulty >/dev/null
user=$IMAGES/user
DOCKER_BUILDKIT=1 "${docker[@]}" build --quiet --build-arg "IMAGE=$user:$IMAGE_TAG" --tag "$user:faulty" deploy/k8s/faulty/migration >/dev/null
names+=("$post:$IMAGE_NEXT_TAG" "$post:faulty" "$user:faulty")
printf '%s\n' "${names[@]}"
IMAGES_TO=$to scripts/images-to.sh "${names[@]}"
