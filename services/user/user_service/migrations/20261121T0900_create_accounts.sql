-- Whose a username is: held until expires_at, or for good where that is null. A table of its own, so that uniqueness
-- does not tie accounts to one machine.
CREATE TABLE usernames (
  username_key text PRIMARY KEY,
  account_id   bigint NOT NULL,
  expires_at   timestamptz
);

-- One row per sign-up, by the id that makes repeating it harmless.
CREATE TABLE reservations (
  request_id   text PRIMARY KEY,
  account_id   bigint NOT NULL,
  username     text NOT NULL,
  expires_at   timestamptz NOT NULL,
  confirmed_at timestamptz
);
CREATE INDEX reservations_left ON reservations (expires_at) WHERE confirmed_at IS NULL;

CREATE TABLE accounts (
  account_id   bigint PRIMARY KEY,
  username     text NOT NULL,
  display_name text NOT NULL,
  note         text NOT NULL,
  locked       boolean NOT NULL,
  bot          boolean NOT NULL,
  discoverable boolean NOT NULL,
  indexable    boolean NOT NULL,
  avatar_url   text NOT NULL,
  header_url   text NOT NULL,
  fields       jsonb NOT NULL,
  created_at   timestamptz NOT NULL,
  version      bigint NOT NULL
);

-- Counts in slots, so that a popular account's followers do not queue for one row. The number is the slots' sum.
CREATE TABLE account_counts (
  account_id     bigint NOT NULL,
  slot           smallint NOT NULL,
  followers      bigint NOT NULL DEFAULT 0,
  following      bigint NOT NULL DEFAULT 0,
  statuses       bigint NOT NULL DEFAULT 0,
  last_status_at timestamptz,
  PRIMARY KEY (account_id, slot)
);

-- Each follow twice, by either end. This one keeps ended follows too: their versions must go on.
CREATE TABLE follows_by_follower (
  follower_id bigint NOT NULL,
  followee_id bigint NOT NULL,
  follow_id   bigint NOT NULL,
  followed_at timestamptz NOT NULL,
  reblogs     boolean NOT NULL,
  notify      boolean NOT NULL,
  languages   text[] NOT NULL,
  active      boolean NOT NULL,
  version     bigint NOT NULL,
  PRIMARY KEY (follower_id, followee_id)
);
CREATE INDEX follows_by_follower_newest ON follows_by_follower (follower_id, follow_id DESC) WHERE active;

CREATE TABLE follows_by_followee (
  followee_id bigint NOT NULL,
  follower_id bigint NOT NULL,
  follow_id   bigint NOT NULL,
  PRIMARY KEY (followee_id, follower_id)
);
CREATE INDEX follows_by_followee_newest ON follows_by_followee (followee_id, follow_id DESC);

-- One row per post told of, so that no delivery counts twice; a deleted post's row stays.
CREATE TABLE post_facts (
  author_id  bigint NOT NULL,
  post_id    bigint NOT NULL,
  version    bigint NOT NULL,
  counted    boolean NOT NULL,
  deleted    boolean NOT NULL,
  created_at timestamptz,
  PRIMARY KEY (author_id, post_id)
);

CREATE TABLE outbox (
  event_id     uuid PRIMARY KEY,
  shard        smallint NOT NULL,
  created_at   timestamptz NOT NULL,
  topic        text NOT NULL,
  key          text NOT NULL,
  type         text NOT NULL,
  aggregate_id text NOT NULL,
  version      bigint NOT NULL,
  payload      bytea NOT NULL,
  traceparent  text NOT NULL,
  published_at timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (shard, created_at) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

CREATE TABLE worker_leases (
  worker     integer PRIMARY KEY,
  holder     text NOT NULL,
  fence      bigint NOT NULL,
  expires_at timestamptz NOT NULL
);
