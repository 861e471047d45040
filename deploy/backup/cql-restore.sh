#!/usr/bin/env bash
# Restores one node's snapshot into a keyspace that is not there, or whose tables are there and empty, while the node runs.
# cql-restore.sh BACKUP KEYSPACE STAGING   STAGING is a folder of the node's user. On another topology load by sstableloader instead.
set -euo pipefail
usage="usage: cql-restore.sh BACKUP KEYSPACE STAGING"
backup=${1:?"$usage"} keyspace=${2:?"$usage"} staging=${3:?"$usage"}
(cd "$backup" && sha256sum --check --quiet SHA256SUMS)
if ! ${CQLSH:-cqlsh} -e "DESCRIBE KEYSPACE $keyspace" >/dev/null 2>&1; then
  ${CQLSH:-cqlsh} -f "$backup/schema.cql"
fi
for table in "$backup"/*/; do
  name=$(basename "$table")
  [ -n "$(find "$table" -name '*-Data.db' -print -quit)" ] || continue # an empty table
  mkdir -p "$staging/$keyspace/$name"
  cp "$table"* "$staging/$keyspace/$name/"
  [ "$(id -u)" != 0 ] || chown --recursive --reference "$staging" "$staging/$keyspace"
  # Checks each file, and takes it over by links. ScyllaDB: put the files into the table's upload folder, and `nodetool refresh`.
  ${NODETOOL:-nodetool} import --copy-data "$keyspace" "$name" "$staging/$keyspace/$name"
done
