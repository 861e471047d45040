#!/usr/bin/env bash
# Where Keycloak of the pinned version is, ready to start; fetched from Maven Central if it isn't there yet.
set -euo pipefail
version=26.0.8
sha256=d82a52098db41f036bcfe8f2ebfd9251781c8af5959af8714e8aa9b311081786
[ "$(id -u)" = 0 ] && usual=/var/cache/rookery || usual=$HOME/.cache/rookery
folder=${ROOKERY_CACHE:-$usual}/keycloak-$version
name=keycloak-quarkus-dist

if [ ! -d "$folder" ]; then
  echo "Downloading Keycloak $version (mvn)" >&2
  mkdir -p "$(dirname "$folder")"
  work=$(mktemp -d "$folder.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mvn -B -q -ntp dependency:get -Dartifact="org.keycloak:$name:$version:zip" -Dtransitive=false -Dmaven.repo.local="$work/m2" >&2
  archive=$work/m2/org/keycloak/$name/$version/$name-$version.zip
  echo "$sha256  $archive" | sha256sum --check --quiet >&2
  .venv/bin/python -m zipfile -e "$archive" "$work"
  chmod +x "$work/keycloak-$version"/bin/*.sh
  "$work/keycloak-$version/bin/kc.sh" build --db=dev-mem >&2
  mv "$work/keycloak-$version" "$folder"
fi
echo "$folder"
