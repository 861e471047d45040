-- What the staff tells everybody. Deleted ones wait for their reactions and dismissals to be forgotten, some at a time.
CREATE TABLE announcements (
  announcement_id bigint PRIMARY KEY,
  author_id       bigint NOT NULL,
  request_id      text NOT NULL,
  text            text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 5000),
  starts_at       timestamptz,
  ends_at         timestamptz CHECK (ends_at >= starts_at),
  all_day         boolean NOT NULL,
  published       boolean NOT NULL,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  -- The first time.
  published_at    timestamptz CHECK (NOT published OR published_at IS NOT NULL),
  -- The end of ends_at's day, where only days count.
  listed_until    timestamptz,
  deleted_at      timestamptz
);
CREATE UNIQUE INDEX announcements_request ON announcements (author_id, request_id) WHERE request_id <> '';
CREATE INDEX announcements_published ON announcements (announcement_id) WHERE published AND deleted_at IS NULL;
CREATE INDEX announcements_deleted ON announcements (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE announcement_dismissals (
  announcement_id bigint NOT NULL,
  account_id      bigint NOT NULL,
  PRIMARY KEY (announcement_id, account_id)
);
CREATE INDEX announcement_dismissals_by_account ON announcement_dismissals (account_id);

CREATE TABLE announcement_reactions (
  announcement_id bigint NOT NULL,
  account_id      bigint NOT NULL,
  name            text NOT NULL,
  PRIMARY KEY (announcement_id, account_id, name)
);
CREATE INDEX announcement_reactions_by_account ON announcement_reactions (account_id);

-- How many have each reaction, without counting a million of them for each reader; without rows of none.
CREATE TABLE announcement_reaction_counts (
  announcement_id bigint NOT NULL,
  name            text NOT NULL,
  reactions       bigint NOT NULL,
  first_at        timestamptz NOT NULL,
  PRIMARY KEY (announcement_id, name)
);
