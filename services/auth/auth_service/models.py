"""Applications, credentials, sessions, codes: the values that auth works with, and their limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rookery_common.auth import ADMINISTRATOR

MAX_APP_NAME_CHARS = 60
MAX_URI_CHARS = 2000
MAX_REDIRECT_URIS = 20
MAX_SCOPES = 100
MAX_USERNAME_CHARS = 30
MAX_EMAIL_CHARS = 254
MIN_PASSWORD_CHARS = 8
MAX_PASSWORD_CHARS = 256
MAX_REQUEST_ID_CHARS = 255
MAX_REASON_CHARS = 2000
MAX_LOCALE_CHARS = 35
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
CODE_LIFETIME = timedelta(seconds=60)
INTERNAL_TOKEN_LIFETIME = timedelta(minutes=5)
SIGN_UP_REPEATABLE = timedelta(hours=24)

_READ = "accounts blocks bookmarks favourites filters follows lists mutes notifications search statuses"
_WRITE = "accounts blocks bookmarks conversations favourites filters follows lists media mutes notifications reports"
_ADMIN = "accounts reports domain_allows domain_blocks ip_blocks email_domain_blocks canonical_email_blocks"
# Where its account is signed in, and signing it out there: no other scope covers it, not even `read`.
SESSIONS_SCOPE = "sessions"
SCOPES = frozenset(
    ["read", "write", "follow", "push", "profile", SESSIONS_SCOPE, "admin:read", "admin:write"]
    + [f"read:{noun}" for noun in _READ.split()]
    + [f"write:{noun}" for noun in [*_WRITE.split(), "statuses"]]
    + [f"admin:{verb}:{noun}" for verb in ("read", "write") for noun in _ADMIN.split()]
)
DEFAULT_SCOPES = ("read",)
ADMIN_SCOPE = "admin:"
CODE_GRANT = "authorization_code"
APP_GRANT = "client_credentials"
REFRESH_GRANT = "refresh_token"
GRANTS = (CODE_GRANT, APP_GRANT, REFRESH_GRANT)
DEFAULT_GRANTS = (CODE_GRANT, APP_GRANT)
PUBLIC_CLIENT = "none"
SECRET_METHODS = ("client_secret_basic", "client_secret_post")
# What roles permit, as RPCs name it; the words are Mastodon's. The first stands for all others.
PERMISSIONS = (
    ADMINISTRATOR, "view_devops", "view_audit_log", "view_dashboard", "manage_reports", "manage_settings",
    "manage_blocks", "manage_taxonomies", "manage_appeals", "manage_users", "manage_invites", "manage_rules",
    "manage_announcements", "manage_roles", "manage_user_access", "delete_user_data", "invite_users",
)  # fmt: skip
# What makes nobody a member of the staff.
ORDINARY_PERMISSIONS = frozenset({"invite_users"})
# The role that every account has.
EVERYONE = "user"
MAX_ROLES = 100


@dataclass(frozen=True, slots=True)
class App:
    """An OAuth2 client application; of its secret only the hash is known."""

    app_id: int
    client_id: str
    secret_hash: bytes = field(repr=False)
    name: str
    website: str
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    created_at: datetime
    grant_types: tuple[str, ...] = DEFAULT_GRANTS
    # Has no secret: it runs where anyone may look into it, and proves itself by PKCE alone.
    is_public: bool = False
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """How an account signs in. The e-mail address is encrypted under the account's own data key."""

    account_id: int
    username: str
    password_hash: str = field(repr=False)
    data_key: bytes = field(repr=False)
    email: bytes = field(repr=False)
    email_digest: bytes = field(repr=False)
    # Names the sign-up that made it, for this app: a repeated one finds it.
    reservation_id: str
    app_id: int
    created_at: datetime
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """What an opaque token stands for. `account_id` is 0 where an app acts for itself."""

    session_id: int
    token_hash: bytes = field(repr=False)
    app_id: int
    account_id: int
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    # The authorization code that it was bought with.
    code_hash: bytes | None = field(default=None, repr=False)
    # Of one with refresh tokens: what its tokens are derived from, how often they were renewed and when,
    # and when the access token ends; `expires_at` is then the end of the refresh token.
    refresh_seed: bytes | None = field(default=None, repr=False)
    generation: int = 0
    rotated_at: datetime | None = None
    token_expires_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        """When its access token ends, unless it is used before."""
        return self.token_expires_at or self.expires_at


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session with what an internal token and its holder need to know besides."""

    session: Session
    app_name: str
    app_website: str
    roles: tuple[str, ...]
    permissions: tuple[str, ...] = ()
    username: str = ""
    app_revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A session together with its tokens, which are shown once; `expires_in` is 0 where the access token has no end."""

    access_token: str = field(repr=False)
    session: Session
    refresh_token: str = field(default="", repr=False)
    expires_in: int = 0


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long sessions last unused, and a browser's at most."""

    app_idle: timedelta
    browser_idle: timedelta
    browser: timedelta


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """How long tokens of sessions with refresh tokens last, and how long a lost answer may be asked for again."""

    access: timedelta
    idle: timedelta
    absolute: timedelta
    grace: timedelta


@dataclass(frozen=True, slots=True)
class Introspection:
    """What is told of a token that holds."""

    session: Session
    username: str
    expires_at: datetime
    is_refresh: bool


@dataclass(frozen=True, slots=True)
class InternalToken:
    """A session's internal token, and until when it holds."""

    token: str = field(repr=False)
    expires_at: datetime
    view: SessionView


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What an app asks a user to grant."""

    client_id: str
    redirect_uri: str
    response_type: str
    scopes: tuple[str, ...] = ()
    code_challenge: str = ""
    code_challenge_method: str = ""


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A grant that the app may exchange for a token once, within a minute."""

    code_hash: bytes = field(repr=False)
    app_id: int
    account_id: int
    redirect_uri: str
    scopes: tuple[str, ...]
    code_challenge: str
    created_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What comes to the token endpoint."""

    grant_type: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    redirect_uri: str = ""
    code_verifier: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()
    refresh_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """Who somebody is at a provider: issuer and subject; the rest is its word, good for filling in forms."""

    issuer: str
    subject: str = field(repr=False)
    label: str = field(default="", repr=False)
    username: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    # When it has last looked who it is, in seconds since 1970; 0 where it does not say.
    authenticated_at: int = 0


@dataclass(frozen=True, slots=True)
class SignUpForm:
    """What someone who wants an account has filled in."""

    request_id: str
    username: str
    email: str = field(repr=False)
    password: str = field(repr=False)
    agreement: bool
    locale: str = ""
    reason: str = field(default="", repr=False)
    invite_code: str = field(default="", repr=False)
    # Who they are at a provider, in place of a password.
    identity: ProviderIdentity | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A username that the user service keeps for a sign-up, and the account's id."""

    account_id: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Revocation:
    """The end of a session, or of all of an account or of an app where only that is named. Sequences have no gaps.

    With `roles_changed` no session ends: what is remembered of the account's tokens, or of everyone's where no account
    is named, is not true any more.
    """

    sequence: int
    revoked_at: datetime
    session_id: int = 0
    account_id: int = 0
    app_id: int = 0
    roles_changed: bool = False


@dataclass(frozen=True, slots=True)
class AccountRole:
    """A name for what some accounts are permitted; the built-in ones cannot be deleted."""

    name: str
    permissions: tuple[str, ...]
    is_builtin: bool = False


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of internal tokens; the private half is wrapped by the master key.

    One is active. One that is neither active nor retired is published already, and signs when all have heard of it.
    """

    kid: str
    private_key: bytes = field(repr=False)
    public_key: bytes
    active: bool
    created_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tries:
    """How often something was tried since its window began."""

    count: int
    started_at: datetime
