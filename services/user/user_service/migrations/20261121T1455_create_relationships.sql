-- A request to follow is a state of the follow's row, so that one line of versions tells of both.
ALTER TABLE follows_by_follower
  ADD COLUMN requested    boolean NOT NULL DEFAULT false,
  ADD COLUMN requested_at timestamptz,
  ADD CONSTRAINT follows_by_follower_of_others CHECK (follower_id <> followee_id) NOT VALID,
  ADD CONSTRAINT follows_by_follower_one_state CHECK (NOT (active AND requested)) NOT VALID;
-- Without keeping writers away while it reads.
ALTER TABLE follows_by_follower VALIDATE CONSTRAINT follows_by_follower_of_others;
ALTER TABLE follows_by_follower VALIDATE CONSTRAINT follows_by_follower_one_state;

-- Who waits for whom, by whom they wait for.
CREATE TABLE follow_requests (
  followee_id bigint NOT NULL,
  follower_id bigint NOT NULL,
  follow_id   bigint NOT NULL,
  PRIMARY KEY (followee_id, follower_id)
);
CREATE INDEX follow_requests_newest ON follow_requests (followee_id, follow_id DESC);

-- Each block twice, by either end, as follows are. This one keeps ended blocks too: their versions must go on.
CREATE TABLE blocks_by_blocker (
  blocker_id bigint NOT NULL,
  blocked_id bigint NOT NULL,
  block_id   bigint NOT NULL,
  blocked_at timestamptz NOT NULL,
  active     boolean NOT NULL,
  version    bigint NOT NULL,
  PRIMARY KEY (blocker_id, blocked_id),
  CONSTRAINT blocks_by_blocker_of_others CHECK (blocker_id <> blocked_id)
);
CREATE INDEX blocks_by_blocker_newest ON blocks_by_blocker (blocker_id, block_id DESC) WHERE active;

CREATE TABLE blocks_by_blocked (
  blocked_id bigint NOT NULL,
  blocker_id bigint NOT NULL,
  PRIMARY KEY (blocked_id, blocker_id)
);

-- Whoever is muted is never told, nor asks: one end is enough.
CREATE TABLE mutes (
  muter_id      bigint NOT NULL,
  muted_id      bigint NOT NULL,
  mute_id       bigint NOT NULL,
  muted_at      timestamptz NOT NULL,
  notifications boolean NOT NULL,
  expires_at    timestamptz,
  active        boolean NOT NULL,
  version       bigint NOT NULL,
  PRIMARY KEY (muter_id, muted_id),
  CONSTRAINT mutes_of_others CHECK (muter_id <> muted_id)
);
CREATE INDEX mutes_newest ON mutes (muter_id, mute_id DESC) WHERE active;
