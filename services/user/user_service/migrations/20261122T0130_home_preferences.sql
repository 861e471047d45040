-- How accounts want their homes; without a row, as the platform has them. The weights are numbers by names, and by authors' ids.
CREATE TABLE home_preferences (
  account_id      bigint PRIMARY KEY,
  ranked          boolean NOT NULL,
  without_reblogs boolean NOT NULL,
  without_replies boolean NOT NULL,
  ranking_weights jsonb NOT NULL,
  author_weights  jsonb NOT NULL
);
