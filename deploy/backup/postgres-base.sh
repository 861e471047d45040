#!/usr/bin/env bash
# A base backup of a whole Postgres server, verified; with the archived WAL it is restored to any moment after it.
# postgres-base.sh FOLDER   The server is named by PGHOST, PGPORT, PGUSER, PGPASSFILE, PGSSLMODE, PGSSLROOTCERT; the user has REPLICATION.
set -euo pipefail
folder=${1:?"usage: postgres-base.sh FOLDER"}
target=$folder/$(date -u +%Y%m%dT%H%M%SZ)
mkdir -p "$folder"
# The WAL written meanwhile comes with it, so that the backup is whole without the archive.
pg_basebackup --pgdata "$target.partial" --format plain --wal-method stream --checkpoint fast --manifest-checksums SHA256 --no-password
pg_verifybackup --quiet "$target.partial"
mv "$target.partial" "$target"
echo "$target"
