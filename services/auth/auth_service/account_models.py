"""What guards an account: its state, second factors, one-time tokens, mails; and their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from auth_service.models import App

MAX_TOKEN_CHARS = 512
MAX_CODE_CHARS = 64
MAX_LOGIN_TRIES = 5
MAX_DEVICE_TRIES = 10
MAX_NETWORK_TRIES = 100
TRIES_WINDOW = timedelta(minutes=15)
CHALLENGE_LIFETIME = timedelta(minutes=15)
ELEVATION = timedelta(minutes=10)
DEVICE_LIFETIME = timedelta(days=365)
RECOVERY_CODES = 10
MAX_PASSKEYS = 20
MAX_PASSKEY_NAME_CHARS = 60
# An answer with a long chain of certificates fits.
MAX_PASSKEY_CHARS = 16_384
# A browser's own sessions have this scope and no other; it is none that an app can ask for.
SECURITY_SCOPE = "security"
# What a token may do while its account is not confirmed or approved: nothing that any route or RPC asks for.
UNCONFIRMED_SCOPE = "unconfirmed"
WEB_APP_ID = 1


class SignUpMode(StrEnum):
    """Who may sign up: anyone; anyone, but a moderator looks first; who was invited; nobody."""

    OPEN = "open"
    APPROVAL = "approval"
    INVITATION = "invitation"
    CLOSED = "closed"


class Purpose(StrEnum):
    """What a one-time token is good for, and for nothing else."""

    SECOND_FACTOR = "second_factor"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a purpose
    CONFIRM_EMAIL = "confirm_email"
    ADD_PASSKEY = "add_passkey"
    USE_PASSKEY = "use_passkey"
    USE_PROVIDER = "use_provider"
    LINK_PROVIDER = "link_provider"
    SIGN_UP_BY_PROVIDER = "sign_up_by_provider"


class Factor(IntEnum):
    """How someone proves who they are, beside a password; the numbers are the contract's."""

    NONE = 0
    TOTP = 1
    RECOVERY_CODE = 2


class MailKind(StrEnum):
    """What a mail is about: its template's name."""

    CONFIRM_EMAIL = "confirm_email"
    EMAIL_IN_USE = "email_in_use"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a template
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a template
    NEW_SIGN_IN = "new_sign_in"
    EMAIL_CHANGING = "email_changing"
    FACTORS_CHANGED = "factors_changed"
    APPROVED = "approved"
    ACCOUNT_DELETED = "account_deleted"


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from; neither address nor agent is ever logged."""

    address: str = field(default="", repr=False)
    user_agent: str = field(default="", repr=False)
    device_token: str = field(default="", repr=False)
    locale: str = ""


@dataclass(frozen=True, slots=True)
class AccountState:
    """Whether an account may sign in, and how it writes to us."""

    confirmed: bool = True
    approved: bool = True
    rejected: bool = False
    locale: str = ""
    reason: bytes | None = field(default=None, repr=False)

    @property
    def is_active(self) -> bool:
        """Whether it may do what its tokens say."""
        return self.confirmed and self.approved and not self.rejected


@dataclass(frozen=True, slots=True)
class SecuredAccount:
    """Credentials together with everything that guards them. An empty `password_hash` means: no password."""

    account_id: int
    username: str
    password_hash: str = field(repr=False)
    data_key: bytes = field(repr=False)
    email: bytes = field(repr=False)
    state: AccountState = AccountState()
    totp_secret: bytes | None = field(default=None, repr=False)
    totp_enabled: bool = False
    totp_last_step: int = 0
    recovery_codes: int = 0
    passkeys: int = 0

    @property
    def factors(self) -> tuple[Factor, ...]:
        """What a sign-in with the password needs one of besides; none: nothing."""
        if not self.totp_enabled:
            return ()
        return (Factor.TOTP, Factor.RECOVERY_CODE) if self.recovery_codes else (Factor.TOTP,)


@dataclass(frozen=True, slots=True)
class Passkey:
    """The public half of an authenticator's key; its name is under the account's data key."""

    credential_id: bytes
    account_id: int
    public_key: bytes
    sign_count: int
    name: bytes = field(repr=False)
    created_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """An account at a provider as it is stored: found by a keyed digest, its label under the account's data key."""

    subject_digest: bytes = field(repr=False)
    account_id: int
    issuer: str
    label: bytes = field(repr=False)
    created_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StartedPasskey:
    """A challenge's token, and what the browser is to ask the authenticator, in JSON."""

    token: str = field(repr=False)
    options: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """A one-time token as it is stored: by its hash, its payload encrypted under a key of its own."""

    token_hash: bytes = field(repr=False)
    purpose: Purpose
    account_id: int
    data_key: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenChallenge:
    """What a one-time token stands for."""

    token_hash: bytes = field(repr=False)
    account_id: int
    payload: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to be sent; `account_id` is 0 where only the address is known, and who has it is to be found."""

    mail_id: int
    kind: MailKind
    account_id: int
    data_key: bytes = field(repr=False)
    address: bytes = field(repr=False)
    locale: str
    created_at: datetime
    tries: int = 0


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A browser's session, its token and the device's, which are shown once."""

    token: str = field(repr=False)
    device_token: str = field(repr=False)
    account_id: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignInStep:
    """What came of login and password: a session, or what else is asked for."""

    session: StartedSession | None = None
    challenge: str = field(default="", repr=False)
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True, slots=True)
class UsedSession:
    """A session with its last use; `seen` is what was seen of it, under the account's data key."""

    session_id: int
    app_id: int
    app_name: str
    app_website: str
    created_at: datetime
    used_at: datetime
    data_key: bytes = field(repr=False)
    seen: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionOverview:
    """The same, as its owner is shown it."""

    session: UsedSession
    device: str
    network: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is stored with a new account's credentials, or not at all."""

    state: AccountState
    mail: Mail | None = None
    invitation: bytes | None = field(default=None, repr=False)
    link: LinkedIdentity | None = None


@dataclass(frozen=True, slots=True)
class Applicant:
    """Someone who waits for approval."""

    account_id: int
    username: str
    data_key: bytes = field(repr=False)
    reason: bytes | None = field(repr=False)


def web_app(at: datetime) -> App:
    """The gateway's own pages, as the application of browsers' sessions. Its secret is the hash of nothing known."""
    return App(WEB_APP_ID, "rookery-web", bytes(32), "Web", "", (), (), at, grant_types=())
