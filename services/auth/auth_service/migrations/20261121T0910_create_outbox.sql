-- Events, recorded in the transaction that they tell of, until they are published.
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
