-- What was judged of each post, and the decision that stands; decision_version rises with each, and is 0 without one.
CREATE TABLE posts (
  post_id          bigint PRIMARY KEY,
  author_id        bigint NOT NULL,
  created_at       timestamptz NOT NULL,
  is_reblog        boolean NOT NULL,
  judged_version   bigint NOT NULL,
  decision_id      bigint,
  state            smallint CHECK (state BETWEEN 1 AND 3),
  rule             text,
  moderator_id     bigint,
  decided_at       timestamptz,
  decision_version bigint NOT NULL DEFAULT 0
);
-- For rates: how many an author has made lately.
CREATE INDEX posts_by_author ON posts (author_id, created_at) WHERE NOT is_reblog;
CREATE INDEX posts_undecided ON posts (created_at) WHERE decision_version = 0;

-- Which rule a post has broken, once for each.
CREATE TABLE findings (
  post_id      bigint NOT NULL,
  rule         text NOT NULL,
  action       text NOT NULL,
  post_version bigint NOT NULL,
  found_at     timestamptz NOT NULL,
  PRIMARY KEY (post_id, rule)
);

CREATE TABLE reports (
  report_id         bigint PRIMARY KEY,
  -- 0 where a rule reports.
  account_id        bigint NOT NULL,
  target_account_id bigint NOT NULL,
  post_ids          bigint[] NOT NULL CHECK (cardinality(post_ids) <= 100),
  comment           text NOT NULL CHECK (char_length(comment) <= 1000),
  category          smallint NOT NULL CHECK (category BETWEEN 1 AND 4),
  rule              text NOT NULL,
  request_id        text NOT NULL,
  body_digest       bytea NOT NULL,
  created_at        timestamptz NOT NULL,
  updated_at        timestamptz NOT NULL,
  resolved_at       timestamptz,
  resolver_id       bigint NOT NULL DEFAULT 0,
  resolution        smallint CHECK (resolution BETWEEN 1 AND 3),
  assignee_id       bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX reports_request ON reports (account_id, request_id) WHERE request_id <> '';
-- A rule has one open report on an account, which its posts are added to.
CREATE UNIQUE INDEX reports_open_rule ON reports (target_account_id, rule) WHERE rule <> '' AND resolved_at IS NULL;
CREATE INDEX reports_open ON reports (report_id) WHERE resolved_at IS NULL;
CREATE INDEX reports_resolved ON reports (report_id) WHERE resolved_at IS NOT NULL;
CREATE INDEX reports_by_account ON reports (account_id, report_id);
CREATE INDEX reports_by_target ON reports (target_account_id, report_id);

-- Who did what, for good.
CREATE TABLE audit_log (
  audit_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at         timestamptz NOT NULL,
  action     text NOT NULL,
  -- 0 for the policy.
  actor_id   bigint NOT NULL,
  account_id bigint NOT NULL,
  post_id    bigint,
  report_id  bigint,
  detail     jsonb NOT NULL
);
CREATE INDEX audit_log_by_post ON audit_log (post_id, audit_id) WHERE post_id IS NOT NULL;
CREATE INDEX audit_log_by_report ON audit_log (report_id, audit_id) WHERE report_id IS NOT NULL;
CREATE INDEX audit_log_by_account ON audit_log (account_id, audit_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE inbox (
  consumer   text NOT NULL,
  event_id   uuid NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_handled ON inbox (handled_at);

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
