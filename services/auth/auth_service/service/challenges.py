"""One-time tokens: each for one purpose, single use, a quarter of an hour long."""

from __future__ import annotations

import json
from collections.abc import Mapping

from auth_service.account_models import CHALLENGE_LIFETIME, MAX_TOKEN_CHARS, Challenge, Purpose
from auth_service.repository.accounts import AccountRepository
from auth_service.service.opaque import digest, new_secret
from rookery_common.clock import Clock
from rookery_common.crypto import FieldCipher, WrappedKey


class Challenges:
    """Makes them and finds them again; of a token only the hash is stored, and its payload encrypted."""

    def __init__(self, repository: AccountRepository, cipher: FieldCipher, clock: Clock) -> None:
        self._repository = repository
        self._cipher = cipher
        self._clock = clock

    async def issue(self, purpose: Purpose, account_id: int, payload: Mapping[str, str], *, only: bool = False) -> str:
        """The token, shown once; `account_id` 0 is for nobody yet. With `only` the account's earlier ones end."""
        token, key = new_secret(), self._cipher.new_data_key()
        challenge = Challenge(
            token_hash=digest(token),
            purpose=purpose,
            account_id=account_id,
            data_key=key,
            payload=self._cipher.encrypt(key, json.dumps(dict(payload)), _context(purpose)),
            expires_at=self._clock.now() + CHALLENGE_LIFETIME,
        )
        await self._repository.add_challenge(challenge, only=only)
        return token

    async def find(self, token: str, purpose: Purpose) -> Challenge | None:
        """The one that the token is for, if it still holds; it is not used up."""
        if not token or len(token) > MAX_TOKEN_CHARS:
            return None
        return await self._repository.challenge(digest(token), purpose, self._clock.now())

    async def take(self, challenge: Challenge) -> bool:
        """Uses it up; False if someone else did."""
        taken = await self._repository.take_challenge(challenge.token_hash, challenge.purpose, self._clock.now())
        return taken is not None

    def payload(self, challenge: Challenge) -> Mapping[str, str]:
        """What it was issued with."""
        text = self._cipher.decrypt(WrappedKey(challenge.data_key), challenge.payload, _context(challenge.purpose))
        values: dict[str, str] = json.loads(text)
        return values


def _context(purpose: Purpose) -> str:
    return f"auth.challenge:{purpose}"
