-- Accounts at sign-in providers (OpenID Connect). Who it is there is kept as a keyed digest of issuer and subject, what they are
-- called there under the account's data key.
CREATE TABLE linked_identities (
    subject_digest bytea CONSTRAINT linked_identities_pkey PRIMARY KEY CHECK (octet_length(subject_digest) = 32),
    account_id     bigint NOT NULL REFERENCES credentials ON DELETE CASCADE,
    issuer         text NOT NULL,
    label          bytea NOT NULL,
    created_at     timestamptz NOT NULL,
    used_at        timestamptz,
    CONSTRAINT linked_identities_one_of_each UNIQUE (account_id, issuer)
);
