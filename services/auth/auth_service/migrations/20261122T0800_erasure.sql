-- What an account has is found by it, and its row goes without a look at every other's. These tables are short: what is in them is purged.
CREATE INDEX IF NOT EXISTS authorization_codes_account ON authorization_codes (account_id);
CREATE INDEX IF NOT EXISTS mails_account ON mails (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS written_mails_account ON written_mails (account_id);
