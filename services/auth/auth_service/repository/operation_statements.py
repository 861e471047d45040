"""Every SQL statement of OperationsRepository."""

from __future__ import annotations

ROLES = "SELECT name, permissions, is_builtin FROM roles ORDER BY is_builtin DESC, name LIMIT $1"
PUT_ROLE = """
INSERT INTO roles (name, permissions) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions"""
DELETE_ROLE = "DELETE FROM roles WHERE name = $1 AND NOT is_builtin"
TAKE_ROLE = "UPDATE credentials SET roles = array_remove(roles, $1) WHERE roles @> ARRAY[$1]"

APP_COLUMNS = (
    "app_id", "client_id", "secret_hash", "name", "website", "redirect_uris", "scopes", "created_at", "grant_types",
    "is_public", "revoked_at",
)  # fmt: skip
_COLUMNS = ", ".join(APP_COLUMNS)
APPS = f"""
SELECT {_COLUMNS}, (SELECT count(*) FROM sessions s WHERE s.app_id = a.app_id AND s.revoked_at IS NULL) AS sessions
FROM apps a WHERE app_id > $1 ORDER BY app_id LIMIT $2"""  # noqa: S608 - names of columns
REVOKE_APP = f"""
UPDATE apps SET revoked_at = coalesce(revoked_at, $2) WHERE client_id = $1 RETURNING {_COLUMNS}"""  # noqa: S608

LOCK_KEYS = "SELECT kid FROM signing_keys WHERE active FOR UPDATE"
ADD_NEXT_KEY = """
INSERT INTO signing_keys (kid, private_key, public_key, active, created_at)
SELECT $1, $2, $3, false, $4
WHERE EXISTS (SELECT FROM signing_keys WHERE active AND created_at < $5)
  AND NOT EXISTS (SELECT FROM signing_keys WHERE NOT active AND retired_at IS NULL)"""
NEXT_KEY = """
SELECT kid FROM signing_keys WHERE NOT active AND retired_at IS NULL AND created_at <= $1
ORDER BY created_at LIMIT 1"""
FORGET_RETIRED = "DELETE FROM signing_keys WHERE retired_at < $1"
RETIRE_ACTIVE = "UPDATE signing_keys SET active = false, retired_at = $1 WHERE active"
ACTIVATE = "UPDATE signing_keys SET active = true WHERE kid = $1"
DELETE_KEYS = "DELETE FROM signing_keys"
ADD_ACTIVE_KEY = """
INSERT INTO signing_keys (kid, private_key, public_key, active, created_at) VALUES ($1, $2, $3, true, $4)"""
