-- A filter that is asked for twice under one key is made once.
ALTER TABLE filters ADD COLUMN request_id text, ADD COLUMN request_digest bytea;
CREATE UNIQUE INDEX filters_request ON filters (account_id, request_id) WHERE request_id IS NOT NULL;
