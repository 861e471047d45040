-- Which process mints ids with which worker number.
CREATE TABLE worker_leases (
    worker     integer PRIMARY KEY,
    holder     text NOT NULL,
    fence      bigint NOT NULL,
    expires_at timestamptz NOT NULL
);
