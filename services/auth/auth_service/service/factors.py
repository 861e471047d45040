"""Second factors: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for who has lost it."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence

import pyotp

from auth_service.account_models import MAX_CODE_CHARS, RECOVERY_CODES, Client, Factor, SecuredAccount
from auth_service.errors import TotpEnabled, TotpNotBegun, TotpNotEnabled, WrongFactor
from auth_service.repository.accounts import AccountRepository
from auth_service.service.throttle import Throttle
from rookery_common.clock import Clock
from rookery_common.crypto import BlindIndex, FieldCipher, WrappedKey
from rookery_common.logs import get_logger

STEP_SECONDS = 30
# A clock that is half a minute wrong, or a code typed as it ended.
_SLACK = (0, -1, 1)
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # Nothing that looks like something else.
_GROUPS, _GROUP_CHARS = 4, 4
log = get_logger()


class Factors:
    """Turns second factors on and off, and checks them: a code is taken once, and guessing is throttled."""

    def __init__(
        self,
        repository: AccountRepository,
        throttle: Throttle,
        cipher: FieldCipher,
        index: BlindIndex,
        clock: Clock,
        *,
        issuer: str,
    ) -> None:
        self._repository = repository
        self._throttle = throttle
        self._cipher = cipher
        self._index = index
        self._clock = clock
        self._issuer = issuer

    async def begin_totp(self, account: SecuredAccount) -> tuple[str, str]:
        """A new secret in base32, and as a URI for scanning; it counts once it was confirmed. Raises TotpEnabled."""
        secret = pyotp.random_base32()
        sealed = self._cipher.encrypt(WrappedKey(account.data_key), secret, _context(account.account_id))
        if not await self._repository.begin_totp(account.account_id, sealed):
            raise TotpEnabled("an authenticator app is set up already")
        return secret, pyotp.TOTP(secret).provisioning_uri(name=account.username, issuer_name=self._issuer)

    async def enable_totp(self, account: SecuredAccount, code: str) -> Sequence[str]:
        """The recovery codes, shown once. Raises TotpNotBegun, TotpEnabled, WrongFactor."""
        if account.totp_secret is None:
            raise TotpNotBegun("ask for a secret first")
        step = self._step_of(account, code)
        if step is None:
            raise WrongFactor("the code is wrong")
        codes = [_new_code() for _ in range(RECOVERY_CODES)]
        if not await self._repository.enable_totp(account.account_id, step, self._digests(account, codes)):
            raise TotpEnabled("an authenticator app is set up already")
        log.info("auth.totp_enabled", account_id=account.account_id)
        return codes

    async def disable_totp(self, account: SecuredAccount) -> bool:
        """Whether it was on."""
        disabled = await self._repository.disable_totp(account.account_id)
        log.info("auth.totp_disabled", account_id=account.account_id)
        return disabled

    async def new_recovery_codes(self, account: SecuredAccount) -> Sequence[str]:
        """In place of the old ones. Raises TotpNotEnabled."""
        if not account.totp_enabled:
            raise TotpNotEnabled("there is no second factor to recover from")
        codes = [_new_code() for _ in range(RECOVERY_CODES)]
        await self._repository.replace_recovery_codes(account.account_id, self._digests(account, codes))
        return codes

    async def check(self, account: SecuredAccount, factor: Factor, code: str, client: Client) -> None:
        """Raises WrongFactor, TooManyTries; a code that was right is not taken a second time."""
        keys = await self._throttle.admit(f"factor:{account.account_id}", account.account_id, client)
        if len(code) > MAX_CODE_CHARS or not await self._is_right(account, factor, code):
            raise WrongFactor("the code is wrong, or was used before")
        await self._throttle.forgive(keys)

    async def _is_right(self, account: SecuredAccount, factor: Factor, code: str) -> bool:
        if factor is Factor.TOTP and account.totp_enabled:
            step = self._step_of(account, code)
            return step is not None and await self._repository.use_totp(account.account_id, step)
        if factor is Factor.RECOVERY_CODE and account.totp_enabled:
            [digest] = self._digests(account, [code])
            return await self._repository.use_recovery_code(account.account_id, digest)
        return False

    def _step_of(self, account: SecuredAccount, code: str) -> int | None:
        """Which step's code it is, around now."""
        if account.totp_secret is None:
            return None
        key = WrappedKey(account.data_key)
        totp = pyotp.TOTP(self._cipher.decrypt(key, account.totp_secret, _context(account.account_id)))
        typed, now = "".join(code.split()), int(self._clock.now().timestamp()) // STEP_SECONDS
        for step in (now + slack for slack in _SLACK):
            if hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode("utf-8", "surrogatepass")):
                return step
        return None

    def _digests(self, account: SecuredAccount, codes: Sequence[str]) -> list[bytes]:
        plain = ("".join(char for char in code.lower() if char.isalnum()) for code in codes)
        return [self._index.digest(f"{account.account_id}:{code}", "recovery_code") for code in plain]


def _new_code() -> str:
    """Eighty random bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_CHARS)) for _ in range(_GROUPS))


def _context(account_id: int) -> str:
    return f"auth.account_security.totp:{account_id}"
