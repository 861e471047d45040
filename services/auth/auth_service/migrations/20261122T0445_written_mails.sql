-- Mails that another service has written, encrypted under keys of their own; a lane apart from `mails`, which never waits for them.
CREATE TABLE written_mails (
    mail_id     bigint PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES credentials ON DELETE CASCADE,
    data_key    bytea NOT NULL,
    content     bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    -- None once it is done with: the row stays for a while, so that it is taken over once.
    next_try_at timestamptz,
    tries       integer NOT NULL DEFAULT 0,
    -- Set before it is handed to the mail server: whoever finds it set does not know whether it was taken, and sends it to nobody.
    handed_over boolean NOT NULL DEFAULT false
);
CREATE INDEX written_mails_due ON written_mails (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX written_mails_age ON written_mails (created_at);
