-- Accounts that their owners have deleted: an id that is here never becomes an account again. Its name stays in `usernames`.
CREATE TABLE account_deletions (
  account_id  bigint PRIMARY KEY,
  deleted_at  timestamptz NOT NULL,
  finished_at timestamptz
);
CREATE INDEX account_deletions_open ON account_deletions (deleted_at) WHERE finished_at IS NULL;

-- What each service is asked to erase, until it says that it is done at `settles_at` or later: what was under way when the account was
-- deleted may have been written after an earlier answer. `due_at` is when it is asked next.
CREATE TABLE erasures (
  account_id bigint NOT NULL REFERENCES account_deletions,
  service    text NOT NULL,
  settles_at timestamptz NOT NULL,
  due_at     timestamptz NOT NULL,
  erased     bigint NOT NULL DEFAULT 0,
  failures   integer NOT NULL DEFAULT 0,
  reason     text NOT NULL DEFAULT '',
  done_at    timestamptz,
  PRIMARY KEY (account_id, service)
);
CREATE INDEX erasures_due ON erasures (due_at) WHERE done_at IS NULL;

-- What others keep of an account is found by it.
CREATE INDEX IF NOT EXISTS mutes_of ON mutes (muted_id);
CREATE INDEX IF NOT EXISTS remarks_of ON remarks (target_id);
CREATE INDEX IF NOT EXISTS dismissed_suggestions_of ON dismissed_suggestions (dismissed_id);
