-- What guards an account beside its password. Accounts of earlier releases have no row: confirmed, approved, no second factor.
CREATE TABLE account_security (
    account_id     bigint PRIMARY KEY REFERENCES credentials ON DELETE CASCADE,
    confirmed      boolean NOT NULL DEFAULT true,
    approved       boolean NOT NULL DEFAULT true,
    rejected       boolean NOT NULL DEFAULT false,
    locale         text NOT NULL DEFAULT '',
    -- Why someone wants an account, under its data key.
    reason         bytea,
    -- The secret of an authenticator app, under the account's data key; the step of its last code that was taken.
    totp_secret    bytea,
    totp_enabled   boolean NOT NULL DEFAULT false,
    totp_last_step bigint NOT NULL DEFAULT 0
);
CREATE INDEX account_security_waiting ON account_security (account_id) WHERE NOT approved AND NOT rejected;

-- Keyed digests: a recovery code is short enough to be guessed from a plain one.
CREATE TABLE recovery_codes (
    account_id  bigint NOT NULL REFERENCES credentials ON DELETE CASCADE,
    code_digest bytea NOT NULL,
    PRIMARY KEY (account_id, code_digest)
);

-- Tokens that work once, for one purpose and a short time: half-done sign-ins, links in mails. Payloads are encrypted.
CREATE TABLE challenges (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    purpose    text NOT NULL,
    account_id bigint REFERENCES credentials ON DELETE CASCADE,
    data_key   bytea NOT NULL,
    payload    bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX challenges_account ON challenges (account_id, purpose);
CREATE INDEX challenges_expiry ON challenges (expires_at);

-- Until when a session may do what is dangerous.
CREATE TABLE elevations (
    session_id bigint PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
    until      timestamptz NOT NULL
);

-- Mails to be sent, addresses encrypted. What a mail says is decided when it is sent, so that asking for one tells nothing.
CREATE TABLE mails (
    mail_id     bigint PRIMARY KEY,
    kind        text NOT NULL,
    account_id  bigint REFERENCES credentials ON DELETE CASCADE,
    data_key    bytea NOT NULL,
    address     bytea NOT NULL,
    locale      text NOT NULL,
    created_at  timestamptz NOT NULL,
    next_try_at timestamptz NOT NULL,
    tries       integer NOT NULL DEFAULT 0
);
CREATE INDEX mails_due ON mails (next_try_at);

CREATE TABLE invitations (
    code_hash  bytea PRIMARY KEY CHECK (octet_length(code_hash) = 32),
    uses_left  integer NOT NULL CHECK (uses_left >= 0),
    expires_at timestamptz NOT NULL
);
