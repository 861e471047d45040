-- What people bring along from other servers: done row by row by a worker, which may die. `due_at` is when the next may go on with it.
CREATE TABLE imports (
  account_id     bigint NOT NULL,
  import_id      bigint NOT NULL,
  kind           smallint NOT NULL,
  mode           smallint NOT NULL,
  total          integer NOT NULL,
  done           integer NOT NULL DEFAULT 0,
  failed         integer NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL,
  finished_at    timestamptz,
  due_at         timestamptz NOT NULL,
  request_id     text,
  request_digest bytea,
  PRIMARY KEY (account_id, import_id)
);
CREATE UNIQUE INDEX imports_request ON imports (account_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX imports_due ON imports (due_at) WHERE finished_at IS NULL;

-- `target_id` is whom the name means, once that is known. Rows that are done go when the import is.
CREATE TABLE import_rows (
  account_id bigint NOT NULL,
  import_id  bigint NOT NULL,
  line       integer NOT NULL,
  username   text NOT NULL,
  list_title text NOT NULL,
  settings   jsonb NOT NULL,
  state      smallint NOT NULL DEFAULT 0,
  reason     text NOT NULL DEFAULT '',
  target_id  bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, import_id, line),
  FOREIGN KEY (account_id, import_id) REFERENCES imports ON DELETE CASCADE
);
CREATE INDEX import_rows_waiting ON import_rows (account_id, import_id, line) WHERE state = 0;
CREATE INDEX import_rows_failed ON import_rows (account_id, import_id, line) WHERE state = 2;
CREATE INDEX import_rows_named ON import_rows (account_id, import_id, target_id);
