"""When digests are due, and whether somebody gets any."""

from __future__ import annotations

from typing import Final

from notification_service.digest_models import Digest, Frequency
from notification_service.repository.digests import DigestRepository
from notification_service.service.unsubscribing import UnsubscribeTokens
from rookery_common.clock import Clock

HOUR_SECONDS: Final = 3_600.0


class Slots:
    """Hours since 1970; shorter ones on a machine for trials."""

    def __init__(self, clock: Clock, hour_seconds: float = HOUR_SECONDS) -> None:
        self._clock = clock
        self._hour_ms = int(hour_seconds * 1000)

    @property
    def seconds(self) -> float:
        """How long a slot is."""
        return self._hour_ms / 1000

    def now(self) -> int:
        """The slot of this moment."""
        return self._clock.unix_ms() // self._hour_ms

    def done(self) -> int:
        """The last slot that nobody adds to any more, though clocks differ by a little."""
        return (self._clock.unix_ms() - self._hour_ms // 20) // self._hour_ms


class DigestSchedule:
    """What recipients choose; whether there is something for the first digest is looked at within the hour."""

    def __init__(self, digests: DigestRepository, tokens: UnsubscribeTokens, slots: Slots) -> None:
        self._digests = digests
        self._tokens = tokens
        self._slots = slots

    async def frequency(self, recipient_id: int) -> Frequency:
        """OFF of whom never wanted any."""
        held = await self._digests.get(recipient_id)
        return held.frequency if held else Frequency.OFF

    async def choose(self, recipient_id: int, frequency: Frequency) -> None:
        """The same again changes nothing."""
        held = await self._digests.get(recipient_id) or Digest(recipient_id, Frequency.OFF, 0)
        if frequency is not held.frequency:
            await self._digests.put(recipient_id, frequency, self._slots.now() + 1)

    async def unsubscribe(self, token: str) -> None:
        """Whose mail the token was in gets no more of them. Raises WrongToken."""
        await self.choose(self._tokens.recipient(token), Frequency.OFF)
