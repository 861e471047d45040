-- What an account may do besides its own business, as auth's models name it.
ALTER TABLE credentials ADD CONSTRAINT credentials_roles_known CHECK (roles <@ ARRAY['moderator', 'admin']) NOT VALID;
ALTER TABLE credentials VALIDATE CONSTRAINT credentials_roles_known;
-- Such a row ends no session: what is remembered of the account's tokens is to be asked for anew.
ALTER TABLE revocations ADD COLUMN roles_changed boolean NOT NULL DEFAULT false;
