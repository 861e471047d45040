"""What can go wrong, with the reasons that clients are told; those of the token endpoint are OAuth2's own names."""

from __future__ import annotations

from rookery_common.errors import (
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)


class ValidationFailed(InvalidArgument):
    """Fields of the request are wrong, each with a code of the public API."""

    reason = "VALIDATION_FAILED"

    def __init__(self, *violations: FieldViolation) -> None:
        text = ", ".join(f"{violation.field} {violation.description}" for violation in violations)
        super().__init__(text, fields=violations)


class RegistrationsClosed(PermissionDenied):
    """Nobody may sign up at present."""

    reason = "REGISTRATIONS_CLOSED"


class AppTokenRequired(PermissionDenied):
    """Signing up needs a token of the app itself, not of a user."""

    reason = "APP_TOKEN_REQUIRED"


class NotSeeded(FailedPrecondition):
    """An operator acts for nobody but people who were made up, and on a local platform unless told otherwise."""

    reason = "NOT_SEEDED"


class AccountNotFound(NotFound):
    """Nobody has this username."""

    reason = "ACCOUNT_NOT_FOUND"


class AppNotFound(NotFound):
    """There is no such application."""

    reason = "APP_NOT_FOUND"


class AuthorizationInvalid(InvalidArgument):
    """The authorization request is wrong; `reason` is OAuth2's, and the field tells whether to redirect with it."""

    def __init__(self, reason: str, field: str, description: str) -> None:
        super().__init__(f"{field} {description}", fields=[FieldViolation(field, "ERR_INVALID", description)])
        self.reason = reason


class InvalidClient(Unauthenticated):
    """The client is unknown, or its secret is wrong."""

    reason = "INVALID_CLIENT"


class InvalidGrant(InvalidArgument):
    """The code is unknown, used, expired, another client's, or does not go with this request."""

    reason = "INVALID_GRANT"


class InvalidScope(InvalidArgument):
    """A scope is unknown, or more than the application may have."""

    reason = "INVALID_SCOPE"


class InvalidRequest(InvalidArgument):
    """Something that the token endpoint needs is missing."""

    reason = "INVALID_REQUEST"


class UnsupportedGrantType(InvalidArgument):
    """Only authorization_code, client_credentials and refresh_token are served."""

    reason = "UNSUPPORTED_GRANT_TYPE"


class ClientNotRegistered(InvalidArgument):
    """The client may not use this grant type: it was not registered for it."""

    reason = "UNAUTHORIZED_CLIENT"


class UnauthorizedClient(PermissionDenied):
    """The token was given to another client."""

    reason = "UNAUTHORIZED_CLIENT"


class WrongCredentials(Unauthenticated):
    """No account has this login and password; which of the two is wrong is not told."""

    reason = "WRONG_CREDENTIALS"


class SecondFactorRequired(Unauthenticated):
    """The password is right, and does not suffice."""

    reason = "SECOND_FACTOR_REQUIRED"


class WrongFactor(Unauthenticated):
    """The code is wrong, was used before, or has run out."""

    reason = "WRONG_FACTOR"


class ChallengeExpired(Unauthenticated):
    """The sign-in was begun too long ago, or was finished already: it starts anew."""

    reason = "CHALLENGE_EXPIRED"


class AccountUnconfirmed(PermissionDenied):
    """The account's e-mail address is to be confirmed first."""

    reason = "ACCOUNT_UNCONFIRMED"


class AccountPending(PermissionDenied):
    """A moderator is to approve of the account first."""

    reason = "ACCOUNT_PENDING"


class AccountRejected(PermissionDenied):
    """A moderator has not approved of the account."""

    reason = "ACCOUNT_REJECTED"


class ElevationRequired(FailedPrecondition):
    """What is asked for is dangerous: whoever asks proves once more who they are."""

    reason = "ELEVATION_REQUIRED"


class InvitationVoid(PermissionDenied):
    """Nobody was invited by this code, or as many have come as were, or it is too old."""

    reason = "INVITATION_VOID"


class SessionNotFound(NotFound):
    """The account has no such session, or it has ended."""

    reason = "SESSION_NOT_FOUND"


class LinkExpired(NotFound):
    """The link was used, is too old, or was never sent."""

    reason = "LINK_EXPIRED"


class EmailConfirmed(FailedPrecondition):
    """There is nothing to confirm."""

    reason = "EMAIL_CONFIRMED"


class MailNotConfigured(FailedPrecondition):
    """This platform sends no mails."""

    reason = "MAIL_NOT_CONFIGURED"


class MailNotAccepted(Unavailable):
    """The mail server did not take a mail; it is tried again."""

    reason = "MAIL_NOT_ACCEPTED"


class MailUnconfirmed(MailNotAccepted):
    """The mail server was given a mail, and has not said whether it took it."""

    reason = "MAIL_UNCONFIRMED"


class MailboxNotFound(NotFound):
    """The account gets no mails: there is none, its address is not confirmed, or none are sent at all."""

    reason = "MAILBOX_NOT_FOUND"


class TotpEnabled(FailedPrecondition):
    """An authenticator app is set up already: it is turned off first."""

    reason = "TOTP_ENABLED"


class TotpNotBegun(FailedPrecondition):
    """No secret was asked for that a code could be of."""

    reason = "TOTP_NOT_BEGUN"


class TotpNotEnabled(FailedPrecondition):
    """There is no second factor."""

    reason = "TOTP_NOT_ENABLED"


class WrongPasskey(Unauthenticated):
    """No passkey of ours has signed what was asked, or it was not the right one's answer."""

    reason = "WRONG_PASSKEY"


class PasskeysNotPossible(FailedPrecondition):
    """Authenticators keep keys for names alone, and this platform is reached by a network address."""

    reason = "PASSKEYS_NOT_POSSIBLE"


class PasskeyNotAdded(FailedPrecondition):
    """The account has as many passkeys as it may, or this one is known already."""

    reason = "PASSKEY_NOT_ADDED"


class PasskeyNotFound(NotFound):
    """The account has no such passkey."""

    reason = "PASSKEY_NOT_FOUND"


class LastWayIn(FailedPrecondition):
    """Without this nobody could sign in to the account any more."""

    reason = "LAST_WAY_IN"


class ProviderNotFound(NotFound):
    """No provider of this name is configured."""

    reason = "PROVIDER_NOT_FOUND"


class ProviderUnavailable(Unavailable):
    """The provider does not answer, or not as OpenID Connect has it."""

    reason = "PROVIDER_UNAVAILABLE"


class WrongProviderAnswer(Unauthenticated):
    """What the browser came back with is no answer to what this browser asked, or nobody's word for it."""

    reason = "WRONG_PROVIDER_ANSWER"


class ProviderRefused(Unauthenticated):
    """The provider, or somebody there, has said no."""

    reason = "PROVIDER_REFUSED"


class ProviderLinked(FailedPrecondition):
    """The account there is linked with one here already, or this one with another there."""

    reason = "PROVIDER_LINKED"


class ProviderNotLinked(PermissionDenied):
    """The account there belongs to nobody here, and nobody may sign up."""

    reason = "PROVIDER_NOT_LINKED"


class LinkNotFound(NotFound):
    """The account is not linked with one of this issuer."""

    reason = "LINK_NOT_FOUND"


class TooManyTries(ResourceExhausted):
    """This account, or this network, has failed to sign in too often; retry_after tells when to come back."""

    reason = "TOO_MANY_TRIES"


class PasswordsBusy(ResourceExhausted):
    """More passwords wait to be checked than can be in time."""

    reason = "PASSWORDS_BUSY"


class RevocationsForgotten(FailedPrecondition):
    """The sequence is not one that can be continued from: forget what is cached, and start at 0."""

    reason = "REVOCATIONS_FORGOTTEN"
