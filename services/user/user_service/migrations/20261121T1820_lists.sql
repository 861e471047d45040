-- Lists of followed accounts, their owner's alone. What is asked for twice under one request id is made once.
CREATE TABLE lists (
  account_id     bigint NOT NULL,
  list_id        bigint NOT NULL,
  title          text NOT NULL CHECK (title <> ''),
  replies_policy smallint NOT NULL,
  exclusive      boolean NOT NULL,
  request_id     text,
  request_digest bytea,
  PRIMARY KEY (account_id, list_id)
);
CREATE UNIQUE INDEX lists_request ON lists (account_id, request_id) WHERE request_id IS NOT NULL;

-- `exclusive` is the list's: whoever composes a home asks for it by the pair of accounts alone.
CREATE TABLE list_members (
  account_id bigint NOT NULL,
  list_id    bigint NOT NULL,
  member_id  bigint NOT NULL,
  exclusive  boolean NOT NULL,
  PRIMARY KEY (account_id, list_id, member_id),
  FOREIGN KEY (account_id, list_id) REFERENCES lists ON DELETE CASCADE
);
CREATE INDEX list_members_of ON list_members (account_id, member_id);
