#!/usr/bin/env bash
# Postgres's archive_command: keeps one WAL segment, whole or not at all, and never over another of the same name.
# archive_command = 'deploy/backup/postgres-archive.sh %p /backup/wal/%f'; set archive_timeout to the loss that is acceptable.
set -euo pipefail
source=${1:?"usage: postgres-archive.sh SEGMENT TARGET"} target=${2:?"usage: postgres-archive.sh SEGMENT TARGET"}
if [ -e "$target" ]; then
  cmp --silent "$source" "$target" # asked twice for the same segment: fine; for another content: an error to look at
  exit
fi
mkdir -p "$(dirname "$target")"
cp "$source" "$target.partial"
sync "$target.partial"
mv "$target.partial" "$target"
sync "$(dirname "$target")"
