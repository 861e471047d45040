-- Applications, credentials, sessions and codes. Secrets, tokens and codes are kept as SHA-256 of 256 random bits.

CREATE TABLE apps (
    app_id        bigint PRIMARY KEY,
    client_id     text NOT NULL UNIQUE,
    secret_hash   bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    name          text NOT NULL,
    website       text NOT NULL,
    redirect_uris text[] NOT NULL,
    scopes        text[] NOT NULL,
    created_at    timestamptz NOT NULL
);

-- E-mail addresses: encrypted under data_key, which the master key wraps; found again by a keyed digest.
CREATE TABLE credentials (
    account_id     bigint PRIMARY KEY,
    username       text NOT NULL CONSTRAINT credentials_username_key UNIQUE,
    password_hash  text NOT NULL,
    data_key       bytea NOT NULL,
    email          bytea NOT NULL,
    email_digest   bytea NOT NULL CONSTRAINT credentials_email_key UNIQUE,
    reservation_id text NOT NULL UNIQUE,
    app_id         bigint NOT NULL REFERENCES apps,
    roles          text[] NOT NULL DEFAULT '{}',
    created_at     timestamptz NOT NULL
);

-- account_id is null where an app acts for itself.
CREATE TABLE sessions (
    session_id bigint PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    app_id     bigint NOT NULL REFERENCES apps,
    account_id bigint REFERENCES credentials,
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    code_hash  bytea
);
CREATE INDEX sessions_account ON sessions (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX sessions_code ON sessions (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE authorization_codes (
    code_hash      bytea PRIMARY KEY CHECK (octet_length(code_hash) = 32),
    app_id         bigint NOT NULL REFERENCES apps,
    account_id     bigint NOT NULL REFERENCES credentials,
    redirect_uri   text NOT NULL,
    scopes         text[] NOT NULL,
    code_challenge text NOT NULL,
    created_at     timestamptz NOT NULL,
    used_at        timestamptz
);
CREATE INDEX authorization_codes_age ON authorization_codes (created_at);

-- The counter's row lock is held until the commit, so sequences become visible in order and without gaps.
CREATE TABLE revocation_counter (
    is_single boolean PRIMARY KEY DEFAULT true CHECK (is_single),
    last      bigint NOT NULL
);
INSERT INTO revocation_counter (last) VALUES (0);

CREATE TABLE revocations (
    sequence   bigint PRIMARY KEY,
    session_id bigint NOT NULL,
    account_id bigint NOT NULL,
    revoked_at timestamptz NOT NULL
);
CREATE INDEX revocations_age ON revocations (revoked_at);

-- Keys are keyed digests of accounts, logins and networks, never these themselves.
CREATE TABLE sign_in_tries (
    key        bytea PRIMARY KEY,
    started_at timestamptz NOT NULL,
    tries      integer NOT NULL
);
CREATE INDEX sign_in_tries_age ON sign_in_tries (started_at);

-- Keys of internal tokens: one signs, the others verify until what they signed has expired.
CREATE TABLE signing_keys (
    kid         text PRIMARY KEY,
    private_key bytea NOT NULL,
    public_key  bytea NOT NULL CHECK (octet_length(public_key) = 32),
    active      boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    retired_at  timestamptz
);
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (active) WHERE active;
