-- What an app may use at the token endpoint; a public one has no secret (what is stored was never shown).
ALTER TABLE apps
    ADD COLUMN grant_types text[] NOT NULL DEFAULT '{authorization_code,client_credentials}',
    ADD COLUMN is_public   boolean NOT NULL DEFAULT false,
    ADD COLUMN revoked_at  timestamptz;

-- Sessions with refresh tokens: all their tokens are derived from the seed, the generation and a key that is not stored here.
ALTER TABLE sessions
    ADD COLUMN refresh_seed     bytea CHECK (octet_length(refresh_seed) = 32),
    ADD COLUMN generation       integer NOT NULL DEFAULT 0,
    ADD COLUMN rotated_at       timestamptz,
    ADD COLUMN token_expires_at timestamptz;

-- Such a row ends all sessions that were opened through an app.
ALTER TABLE revocations ADD COLUMN app_id bigint NOT NULL DEFAULT 0;
