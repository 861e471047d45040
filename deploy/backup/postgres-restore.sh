#!/usr/bin/env bash
# Restores one database from its dump, into an empty one, all or nothing.
# postgres-restore.sh DUMP DATABASE   The server is named as for postgres-dump.sh.
set -euo pipefail
dump=${1:?"usage: postgres-restore.sh DUMP DATABASE"} database=${2:?"usage: postgres-restore.sh DUMP DATABASE"}
sha256sum --check --quiet "$dump.sha256"
tables=$(psql --no-password --no-psqlrc --tuples-only --no-align --dbname "$database" \
  --command "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
[ "$tables" = 0 ] || { echo "$database has $tables tables: restore into an empty database" >&2; exit 1; }
pg_restore --no-password --single-transaction --exit-on-error --no-owner --dbname "$database" "$dump"
