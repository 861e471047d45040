-- Whom an account does not want to be suggested.
CREATE TABLE dismissed_suggestions (
  account_id   bigint NOT NULL,
  dismissed_id bigint NOT NULL,
  PRIMARY KEY (account_id, dismissed_id)
);

-- Whom most follow, by any of their slots: the slots of one account grow alike.
CREATE INDEX account_counts_popular ON account_counts (followers DESC) WHERE followers > 0;
