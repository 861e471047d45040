"""Every SQL statement of auth."""

from __future__ import annotations

from auth_service.models import EVERYONE
from rookery_common.auth import ADMINISTRATOR

ADD_APP = """
INSERT INTO apps
  (app_id, client_id, secret_hash, name, website, redirect_uris, scopes, created_at, grant_types, is_public)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
_APP = """
SELECT app_id, client_id, secret_hash, name, website, redirect_uris, scopes, created_at, grant_types, is_public,
       revoked_at
FROM apps"""
APP_BY_ID = f"{_APP} WHERE app_id = $1"
APP_BY_CLIENT = f"{_APP} WHERE client_id = $1"

ADD_CREDENTIALS = """
INSERT INTO credentials
  (account_id, username, password_hash, data_key, email, email_digest, reservation_id, app_id, created_at, roles)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
BY_RESERVATION = """
SELECT account_id, username, password_hash, data_key, email, email_digest, reservation_id, app_id, created_at, roles
FROM credentials WHERE reservation_id = $1"""
BY_USERNAME = """
SELECT account_id, username, password_hash, data_key, email, email_digest, reservation_id, app_id, created_at, roles
FROM credentials WHERE username = $1"""
BY_EMAIL = """
SELECT account_id, username, password_hash, data_key, email, email_digest, reservation_id, app_id, created_at, roles
FROM credentials WHERE email_digest = $1"""
LOCK_BY_USERNAME = f"{BY_USERNAME} FOR UPDATE"
PERMITTED = f"""
SELECT account_id FROM credentials
WHERE roles <> '{{}}' AND account_id > $2
  AND roles && (SELECT coalesce(array_agg(name), '{{}}') FROM roles
                WHERE name <> '{EVERYONE}' AND permissions && ARRAY[$1, '{ADMINISTRATOR}'])
ORDER BY account_id LIMIT $3"""  # noqa: S608 - our own words
SET_ROLES = "UPDATE credentials SET roles = $2 WHERE account_id = $1"
REHASH = "UPDATE credentials SET password_hash = $3 WHERE account_id = $1 AND password_hash = $2"

ADD_SESSION = """
INSERT INTO sessions
  (session_id, token_hash, app_id, account_id, scopes, created_at, expires_at, code_hash, refresh_seed,
   token_expires_at)
VALUES ($1, $2, $3, nullif($4::bigint, 0), $5, $6, $7, $8, $9, $10)"""
_SESSION = """
SELECT s.session_id, s.token_hash, s.app_id, coalesce(s.account_id, 0) AS account_id, s.scopes, s.created_at,
       s.expires_at, s.revoked_at, s.code_hash, s.refresh_seed, s.generation, s.rotated_at, s.token_expires_at"""
_VIEW = f"""{_SESSION},
       a.name AS app_name, a.website AS app_website, a.revoked_at AS app_revoked_at,
       coalesce(c.roles, '{{}}') AS roles, coalesce(c.username, '') AS username,
       ARRAY(SELECT DISTINCT unnest(r.permissions) FROM roles r
             WHERE c.account_id IS NOT NULL AND (r.name = 'user' OR r.name = ANY(c.roles))) AS permissions
FROM sessions s JOIN apps a USING (app_id) LEFT JOIN credentials c ON c.account_id = s.account_id"""  # noqa: S608
SESSION_BY_TOKEN = f"{_VIEW} WHERE s.token_hash = $1"
SESSION_BY_ID = f"{_VIEW} WHERE s.session_id = $1"
SESSIONS_OF_CODE = f"{_SESSION} FROM sessions s WHERE s.code_hash = $1 AND s.revoked_at IS NULL LIMIT 10"
ROTATE = """
UPDATE sessions SET token_hash = $3, generation = $4, rotated_at = $5, token_expires_at = $6, expires_at = $7
WHERE session_id = $1 AND generation = $2 AND revoked_at IS NULL"""
EXTEND = "UPDATE sessions SET expires_at = $2 WHERE session_id = $1 AND revoked_at IS NULL AND expires_at < $2"
REVOKE = "UPDATE sessions SET revoked_at = $2 WHERE session_id = $1 AND revoked_at IS NULL"

ADD_CODE = """
INSERT INTO authorization_codes
  (code_hash, app_id, account_id, redirect_uri, scopes, code_challenge, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
CODE_BY_HASH = """
SELECT code_hash, app_id, account_id, redirect_uri, scopes, code_challenge, created_at, used_at
FROM authorization_codes WHERE code_hash = $1"""
USE_CODE = "UPDATE authorization_codes SET used_at = $2 WHERE code_hash = $1 AND used_at IS NULL"

COUNT_REVOCATION = "UPDATE revocation_counter SET last = last + 1 RETURNING last"
ADD_REVOCATION = """
WITH added AS (
  INSERT INTO revocations (sequence, session_id, account_id, app_id, revoked_at, roles_changed)
  VALUES ($1, $2, $3, $4, $5, $6) RETURNING sequence)
SELECT pg_notify('auth_revocations', '') FROM added"""
REVOCATIONS_CHANNEL = "auth_revocations"
LAST_REVOCATION = "SELECT last FROM revocation_counter"
REVOCATIONS_AFTER = """
SELECT sequence, session_id, account_id, app_id, revoked_at, roles_changed FROM revocations
WHERE sequence > $1 ORDER BY sequence LIMIT $2"""
REVOCATIONS_KNOWN = """
SELECT last, coalesce((SELECT min(sequence) FROM revocations), last + 1) AS first,
       coalesce((SELECT min(sequence) FROM revocations WHERE revoked_at >= $1), last + 1) AS recent
FROM revocation_counter"""

COUNT_TRY = """
INSERT INTO sign_in_tries AS t (key, started_at, tries) VALUES ($1, $2, 1)
ON CONFLICT (key) DO UPDATE SET
  tries = CASE WHEN t.started_at <= $3 THEN 1 ELSE t.tries + 1 END,
  started_at = CASE WHEN t.started_at <= $3 THEN $2 ELSE t.started_at END
RETURNING tries AS count, started_at"""

SIGNING_KEYS = """
SELECT kid, private_key, public_key, active, created_at, retired_at FROM signing_keys
WHERE active OR retired_at IS NULL OR retired_at > $1 ORDER BY created_at LIMIT 20"""
ADD_SIGNING_KEY = """
INSERT INTO signing_keys (kid, private_key, public_key, active, created_at) VALUES ($1, $2, $3, true, $4)
ON CONFLICT DO NOTHING"""

PURGE_ROWS = 1000
PURGES = {
    "codes": """
DELETE FROM authorization_codes WHERE code_hash IN
  (SELECT code_hash FROM authorization_codes WHERE created_at < $1 LIMIT $2)""",
    "sessions": """
DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions WHERE expires_at < $1 LIMIT $2)""",
    "tries": """
DELETE FROM sign_in_tries WHERE key IN (SELECT key FROM sign_in_tries WHERE started_at < $1 LIMIT $2)""",
    "revocations": """
DELETE FROM revocations WHERE sequence IN
  (SELECT sequence FROM revocations WHERE revoked_at < $1 ORDER BY sequence LIMIT $2)""",
}
