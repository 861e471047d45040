-- Defaults, so that the code of before goes on inserting. They need no rewrite of the tables.
ALTER TABLE accounts
  ADD COLUMN avatar_description  text NOT NULL DEFAULT '',
  ADD COLUMN header_description  text NOT NULL DEFAULT '',
  ADD COLUMN hides_media         boolean NOT NULL DEFAULT false,
  ADD COLUMN hides_media_replies boolean NOT NULL DEFAULT false,
  ADD COLUMN hides_featured      boolean NOT NULL DEFAULT false;

ALTER TABLE account_settings ADD COLUMN attribution_domains text[] NOT NULL DEFAULT '{}';
