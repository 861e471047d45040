#!/usr/bin/env bash
# One node's part of a keyspace: its schema, and a snapshot of its files, with a checksum of each. Run it on every node.
# cql-snapshot.sh KEYSPACE DATA FOLDER   DATA is the node's data folder. NODETOOL and CQLSH name the programs, with their log-ins.
set -euo pipefail
usage="usage: cql-snapshot.sh KEYSPACE DATA FOLDER"
keyspace=${1:?"$usage"} data=${2:?"$usage"} folder=${3:?"$usage"}
tag=backup-$(date -u +%Y%m%dT%H%M%SZ)
target=$folder/$keyspace-$tag
mkdir -p "$target.partial"
${CQLSH:-cqlsh} -e "DESCRIBE KEYSPACE $keyspace" >"$target.partial/schema.cql"
# Flushes first, and makes hard links: writing goes on, and nothing is copied on the node.
${NODETOOL:-nodetool} snapshot --tag "$tag" -- "$keyspace" >/dev/null
for snapshot in "$data/$keyspace"/*/snapshots/"$tag"; do
  table=$(basename "$(dirname "$(dirname "$snapshot")")")
  cp --archive "$snapshot" "$target.partial/${table%-*}" # the folder's name ends with the table's id
done
${NODETOOL:-nodetool} clearsnapshot -t "$tag" -- "$keyspace" >/dev/null
sums=$(cd "$target.partial" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
echo "$sums" >"$target.partial/SHA256SUMS"
mv "$target.partial" "$target"
echo "$target"
