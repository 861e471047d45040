-- What a role permits, as RPCs name it; every account has the role "user" besides its own.
CREATE TABLE roles (
    name        text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,29}$'),
    permissions text[] NOT NULL,
    is_builtin  boolean NOT NULL DEFAULT false
);
INSERT INTO roles (name, permissions, is_builtin) VALUES
    ('user', '{invite_users}', true),
    ('moderator',
     '{view_dashboard,view_audit_log,manage_reports,manage_taxonomies,manage_appeals,manage_users,manage_invites}', true),
    ('admin', '{administrator}', true);

-- Operators make roles of their own now: their names are checked where they are granted.
ALTER TABLE credentials DROP CONSTRAINT credentials_roles_known;
CREATE INDEX credentials_roles ON credentials USING gin (roles) WHERE roles <> '{}';
CREATE INDEX sessions_app ON sessions (app_id) WHERE revoked_at IS NULL;
