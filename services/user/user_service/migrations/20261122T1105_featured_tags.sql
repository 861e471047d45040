-- Hashtags that accounts show on their profiles, as hashtags are compared; `featured_id` rises, so that they go by it.
CREATE TABLE featured_tags (
  account_id  bigint NOT NULL,
  name        text NOT NULL CHECK (name <> ''),
  featured_id bigint NOT NULL,
  PRIMARY KEY (account_id, name)
);

-- How many posts that anyone may see an author has with a hashtag: the sum of the facts below, changed with them.
CREATE TABLE tag_counts (
  author_id      bigint NOT NULL,
  name           text NOT NULL,
  statuses       bigint NOT NULL,
  last_status_at timestamptz,
  PRIMARY KEY (author_id, name)
);
CREATE INDEX tag_counts_most_used ON tag_counts (author_id, statuses DESC) WHERE statuses > 0;

-- The hashtags that a post counts for now. A release that does not know them leaves them empty.
ALTER TABLE post_facts ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
