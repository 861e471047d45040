-- Hashtags that accounts follow, as hashtags are compared; `follow_id` rises, so that lists of them go by it.
CREATE TABLE followed_tags (
  account_id bigint NOT NULL,
  name       text NOT NULL CHECK (name <> ''),
  follow_id  bigint NOT NULL,
  PRIMARY KEY (account_id, name)
);
CREATE UNIQUE INDEX followed_tags_in_order ON followed_tags (account_id, follow_id DESC);
