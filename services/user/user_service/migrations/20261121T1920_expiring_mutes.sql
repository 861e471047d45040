-- Mutes whose time comes, for whoever ends and tells of them.
CREATE INDEX mutes_expiring ON mutes (expires_at) WHERE active AND expires_at IS NOT NULL;
