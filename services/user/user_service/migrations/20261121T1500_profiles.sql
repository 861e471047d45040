-- Defaults, so that the code of before goes on inserting. They need no rewrite of the table.
ALTER TABLE accounts
  ADD COLUMN is_group         boolean NOT NULL DEFAULT false,
  ADD COLUMN hide_collections boolean NOT NULL DEFAULT false,
  ADD COLUMN avatar_media_id  bigint NOT NULL DEFAULT 0,
  ADD COLUMN header_media_id  bigint NOT NULL DEFAULT 0;

-- What an account's owner alone is told; a row once something was chosen.
CREATE TABLE account_settings (
  account_id bigint PRIMARY KEY,
  privacy    text NOT NULL CHECK (privacy IN ('public', 'unlisted', 'private')),
  sensitive  boolean NOT NULL,
  language   text NOT NULL,
  birthday   date
);
