"""Passkeys (WebAuthn Level 3): made on a page of ours, and then as good as password and second factor together.

An authenticator signs a challenge of ours, for our address alone, after it has looked who holds it (user verification):
nothing that it says can be used elsewhere, or twice.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth_service.account_models import (
    MAX_PASSKEY_CHARS,
    MAX_PASSKEY_NAME_CHARS,
    MAX_PASSKEYS,
    Passkey,
    Purpose,
    SecuredAccount,
    StartedPasskey,
)
from auth_service.errors import (
    ChallengeExpired,
    LastWayIn,
    PasskeyNotAdded,
    PasskeyNotFound,
    PasskeysNotPossible,
    ValidationFailed,
    WrongPasskey,
)
from auth_service.metrics import SIGN_INS
from auth_service.repository.passkeys import PasskeyRepository
from auth_service.service.challenges import Challenges
from rookery_common.clock import Clock
from rookery_common.crypto import FieldCipher, WrappedKey
from rookery_common.errors import FieldViolation
from rookery_common.logs import get_logger

TIMEOUT_MILLISECONDS = 300_000
log = get_logger()


class Passkeys:
    """Adds, lists and removes them, and says whose an answer is."""

    def __init__(
        self,
        repository: PasskeyRepository,
        challenges: Challenges,
        cipher: FieldCipher,
        clock: Clock,
        *,
        public_url: str,
        title: str,
    ) -> None:
        self._repository = repository
        self._challenges = challenges
        self._cipher = cipher
        self._clock = clock
        parts = urlsplit(public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.hostname or ""
        self._title = title

    async def begin(self, account: SecuredAccount) -> StartedPasskey:
        """What the authenticator is asked to make one by. Raises PasskeysNotPossible."""
        self._check_possible()
        token = await self._challenges.issue(Purpose.ADD_PASSKEY, account.account_id, {})
        known = await self._repository.all(account.account_id, MAX_PASSKEYS)
        options = generate_registration_options(
            rp_id=self._host,
            rp_name=self._title,
            user_name=account.username,
            user_id=account.account_id.to_bytes(8, "big"),
            challenge=_challenge(token),
            timeout=TIMEOUT_MILLISECONDS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in known],
        )
        return StartedPasskey(token, options_to_json(options))

    async def add(self, account: SecuredAccount, token: str, answer: str, name: str) -> None:
        """What the authenticator made. Raises ChallengeExpired, WrongPasskey, PasskeyNotAdded, ValidationFailed."""
        name = name.strip()
        if not name or len(name) > MAX_PASSKEY_NAME_CHARS:
            text = f"must have 1 to {MAX_PASSKEY_NAME_CHARS} characters"
            raise ValidationFailed(FieldViolation("name", "ERR_INVALID", text))
        await self._take(token, Purpose.ADD_PASSKEY, account.account_id)
        credential = _parsed(answer)
        try:
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=_challenge(token),
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as error:
            raise WrongPasskey("this is not an answer to what was asked") from error
        _check_unframed(credential)
        passkey = Passkey(
            credential_id=verified.credential_id,
            account_id=account.account_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            name=self._cipher.encrypt(WrappedKey(account.data_key), name, _context(account.account_id)),
            created_at=self._clock.now(),
        )
        if not await self._repository.add(passkey, MAX_PASSKEYS):
            raise PasskeyNotAdded("there are too many passkeys already, or this one is known")
        log.info("auth.passkey_added", account_id=account.account_id)

    async def start(self) -> StartedPasskey:
        """What any authenticator is asked to sign; whose it is, its answer tells. Raises PasskeysNotPossible."""
        self._check_possible()
        token = await self._challenges.issue(Purpose.USE_PASSKEY, 0, {})
        options = generate_authentication_options(
            rp_id=self._host,
            challenge=_challenge(token),
            timeout=TIMEOUT_MILLISECONDS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return StartedPasskey(token, options_to_json(options))

    async def account_of(self, token: str, answer: str) -> int:
        """Whose passkey has signed. Raises ChallengeExpired, WrongPasskey."""
        await self._take(token, Purpose.USE_PASSKEY, 0)
        credential = _parsed(answer)
        passkey = await self._repository.one(_credential_id(credential))
        if passkey is None:
            SIGN_INS.labels("wrong").inc()
            raise WrongPasskey("nobody has this passkey")
        try:
            verified = verify_authentication_response(
                credential=credential,
                expected_challenge=_challenge(token),
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as error:
            SIGN_INS.labels("wrong").inc()
            raise WrongPasskey("this is not an answer to what was asked") from error
        _check_unframed(credential)
        if not await self._repository.use(passkey, verified.new_sign_count, self._clock.now()):
            raise WrongPasskey("this passkey was copied, or its answer came twice")
        return passkey.account_id

    async def names(self, account: SecuredAccount) -> Sequence[tuple[Passkey, str]]:
        """The account's, each with what its owner calls it."""
        key, context = WrappedKey(account.data_key), _context(account.account_id)
        found = await self._repository.all(account.account_id, MAX_PASSKEYS)
        return [(passkey, self._cipher.decrypt(key, passkey.name, context)) for passkey in found]

    async def remove(self, account: SecuredAccount, credential_id: bytes) -> None:
        """Raises PasskeyNotFound, LastWayIn."""
        known = await self._repository.one(credential_id)
        if known is None or known.account_id != account.account_id:
            raise PasskeyNotFound("there is no such passkey")
        if not await self._repository.remove(account.account_id, credential_id):
            raise LastWayIn("without a password, one passkey stays")
        log.info("auth.passkey_removed", account_id=account.account_id)

    async def remove_password(self, account: SecuredAccount) -> None:
        """The passkeys are the only way in. Raises LastWayIn."""
        if not await self._repository.remove_password(account.account_id):
            raise LastWayIn("add a passkey first")
        log.info("auth.password_removed", account_id=account.account_id)

    def _check_possible(self) -> None:
        try:
            ipaddress.ip_address(self._host)
        except ValueError:
            return
        raise PasskeysNotPossible("passkeys need a platform that is reached by a name")

    async def _take(self, token: str, purpose: Purpose, account_id: int) -> None:
        challenge = await self._challenges.find(token, purpose)
        if challenge is None or challenge.account_id != account_id or not await self._challenges.take(challenge):
            raise ChallengeExpired("please begin once more")


def text_of(credential_id: bytes) -> str:
    """A passkey's id in base64url."""
    return bytes_to_base64url(credential_id)


def id_of(text: str) -> bytes:
    """The id again; empty for what is none."""
    try:
        found = base64url_to_bytes(text)
    except ValueError:
        return b""
    return found if text_of(found) == text else b""


def _challenge(token: str) -> bytes:
    """256 random bits that were made for this once."""
    return token.encode()


def _parsed(answer: str) -> dict[str, Any]:
    """The browser's JSON. Raises WrongPasskey."""
    try:
        parsed = json.loads(answer) if len(answer) <= MAX_PASSKEY_CHARS else None
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise WrongPasskey("this is not an answer to what was asked")
    return parsed


def _check_unframed(credential: dict[str, Any]) -> None:
    """Our pages are in no other site's, so what was signed there is no answer. Raises WrongPasskey."""
    client = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
    if client.get("crossOrigin") or "topOrigin" in client:
        raise WrongPasskey("this answer was given within another site's page")


def _credential_id(credential: dict[str, Any]) -> bytes:
    raw = credential.get("rawId")
    found = id_of(raw) if isinstance(raw, str) else b""
    if not found:
        raise WrongPasskey("this is not an answer to what was asked")
    return found


def _context(account_id: int) -> str:
    return f"auth.passkeys.name:{account_id}"
