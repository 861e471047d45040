#!/usr/bin/env bash
# A logical backup of one service's database, checked: for moving it, and for restoring one service alone.
# postgres-dump.sh DATABASE FOLDER   The server is named by PGHOST, PGPORT, PGUSER, PGPASSFILE, PGSSLMODE, PGSSLROOTCERT.
set -euo pipefail
database=${1:?"usage: postgres-dump.sh DATABASE FOLDER"} folder=${2:?"usage: postgres-dump.sh DATABASE FOLDER"}
target=$folder/$database-$(date -u +%Y%m%dT%H%M%SZ).dump
mkdir -p "$folder"
pg_dump --format custom --no-password --lock-wait-timeout 30s --file "$target.partial" "$database"
pg_restore --list "$target.partial" >/dev/null # can be read to its end
mv "$target.partial" "$target"
sha256sum "$target" >"$target.sha256"
echo "$target"
