#!/usr/bin/env bash
# Brings built images to where they run, as IMAGES_TO says: `images-to.sh NAME...`. Nothing (the engine keeps them), `push`, or a command that is
# given the path of one archive with all of them.
set -euo pipefail
read -ra docker <<<"${DOCKER:-docker}"
case "${IMAGES_TO:-}" in
  '') ;;
  push) for name in "$@"; do "${docker[@]}" push --quiet "$name" >/dev/null; done ;;
  *)
    archive=$(mktemp --suffix .tar)
    trap 'rm -f "$archive"' EXIT
    "${docker[@]}" save --output "$archive" "$@"
    read -ra load <<<"$IMAGES_TO"
    "${load[@]}" "$archive" >/dev/null
    ;;
esac
