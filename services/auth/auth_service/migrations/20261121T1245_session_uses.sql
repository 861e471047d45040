-- Where and when a session was last used: device and network, under the account's data key.
CREATE TABLE session_uses (
    session_id bigint PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
    seen       bytea NOT NULL,
    used_at    timestamptz NOT NULL
);
