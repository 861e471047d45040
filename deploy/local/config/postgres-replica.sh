#!/usr/bin/env bash
# Copies the primary the first time, as soon as that answers, and becomes its replica.
# postgres-replica.sh PROGRAMS FOLDER HOST PORT USER   The password is in PGPASSFILE.
set -euo pipefail
trap 'exit 1' INT QUIT TERM
programs=$1 folder=$2 host=$3 port=$4 user=$5
until [ -e "$folder/data" ]; do
  rm -rf "$folder/data.partial"
  # The WAL written meanwhile comes with it.
  if "$programs/pg_basebackup" --pgdata "$folder/data.partial" --host "$host" --port "$port" --username "$user" \
    --wal-method stream --checkpoint fast --no-sync --no-password; then
    touch "$folder/data.partial/standby.signal"
    mv "$folder/data.partial" "$folder/data"
  else
    sleep 0.2
  fi
done
exec "$programs/postgres" -D "$folder/data" -c "config_file=$folder/postgresql.conf" -c "hba_file=$folder/pg_hba.conf"
