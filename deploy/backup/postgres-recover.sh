#!/usr/bin/env bash
# Makes a data folder from a base backup and the WAL archive, to be started by Postgres, which then recovers and opens.
# postgres-recover.sh BACKUP WAL_FOLDER DATA [TIME]   TIME: 2026-11-21 12:00:00+00, the moment to stop at; else all there is.
set -euo pipefail
usage="usage: postgres-recover.sh BACKUP WAL_FOLDER DATA [TIME]"
backup=${1:?"$usage"} archive=${2:?"$usage"} data=${3:?"$usage"} moment=${4:-}
pg_verifybackup --quiet "$backup"
[ ! -e "$data" ] || { echo "$data is there already: move it away first" >&2; exit 1; }
cp --archive --reflink=auto "$backup" "$data"
chmod 700 "$data"
{
  echo "archive_mode = off"
  echo "restore_command = 'cp \"$archive/%f\" \"%p\"'"
  if [ -n "$moment" ]; then
    echo "recovery_target_time = '$moment'"
    echo "recovery_target_action = promote"
  fi
} >>"$data/postgresql.auto.conf"
touch "$data/recovery.signal"
echo "$data is ready: start Postgres on it"
