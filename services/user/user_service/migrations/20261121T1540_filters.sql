-- An account's filters, read as a whole for each page that its owner is shown. Keywords are [id, text, whole word],
-- statuses [id, status id]: few, bounded, and never looked for by anything but the account.
CREATE TABLE filters (
  account_id bigint NOT NULL,
  filter_id  bigint NOT NULL,
  title      text NOT NULL,
  contexts   smallint[] NOT NULL CHECK (cardinality(contexts) > 0),
  action     smallint NOT NULL,
  expires_at timestamptz,
  keywords   jsonb NOT NULL,
  statuses   jsonb NOT NULL,
  PRIMARY KEY (account_id, filter_id)
);
