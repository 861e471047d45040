"""What recipients have chosen, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from notification_service.digest_models import Digest, Frequency
from notification_service.policy_models import Answer, Outcome, Policy
from notification_service.preference_models import Changes, Channel, Preferences, QuietHours
from notification_service.repository.digests import DigestRepository, shard_of
from notification_service.repository.policies import PolicyRepository
from notification_service.repository.preferences import PreferenceRepository

_NAMES = {Channel.STREAM: "not_streamed", Channel.PUSH: "not_pushed", Channel.MAIL: "not_mailed"}


class Engines(Protocol):
    """Which of them are away."""

    def ask(self, engine: str) -> None:
        """Raises where it is."""
        ...


class MemoryPolicies(PolicyRepository):
    def __init__(self, store: Engines) -> None:
        self._store = store
        self._policies: dict[int, Policy] = {}
        self._answers: dict[tuple[int, int], Answer] = {}

    async def get(self, recipient_id: int) -> Policy:
        self._store.ask("cql")
        return self._policies.get(recipient_id, Policy())

    async def put(self, recipient_id: int, changes: Mapping[str, Outcome]) -> None:
        held: Any = await self.get(recipient_id)
        self._policies[recipient_id] = replace(held, **changes)

    async def answers(self, recipient_id: int) -> list[Answer]:
        self._store.ask("cql")
        return [each for (owner, _), each in sorted(self._answers.items()) if owner == recipient_id]

    async def accept(self, recipient_id: int, account_ids: Iterable[int]) -> None:
        for account_id in account_ids:
            held = self._answer(recipient_id, account_id)
            self._answers[recipient_id, account_id] = replace(held, is_accepted=True)

    async def dismiss(self, recipient_id: int, account_ids: Iterable[int], up_to_id: int) -> None:
        for account_id in account_ids:
            held = self._answer(recipient_id, account_id)
            self._answers[recipient_id, account_id] = replace(held, dismissed_up_to=up_to_id)

    def _answer(self, recipient_id: int, account_id: int) -> Answer:
        self._store.ask("cql")
        return self._answers.get((recipient_id, account_id), Answer(account_id, False, 0))


class MemoryPreferences(PreferenceRepository):
    def __init__(self, store: Engines) -> None:
        self._store = store
        self._held: dict[int, Preferences] = {}

    async def get(self, recipient_id: int) -> Preferences:
        self._store.ask("cql")
        return self._held.get(recipient_id, Preferences())

    async def change(self, recipient_id: int, changes: Changes) -> None:
        held = await self.get(recipient_id)
        for (kind, channel), wanted in changes.items():
            name = _NAMES[channel]
            kinds: Any = getattr(held, name) - {kind} if wanted else getattr(held, name) | {kind}
            held = replace(held, **{name: kinds})
        self._held[recipient_id] = held

    async def set_quiet(self, recipient_id: int, quiet: QuietHours | None) -> None:
        self._held[recipient_id] = replace(await self.get(recipient_id), quiet=quiet)


class MemoryDigests(DigestRepository):
    def __init__(self, store: Engines) -> None:
        self._store = store
        self._held: dict[int, Digest] = {}
        self._due: dict[tuple[int, int], set[int]] = {}
        self._reached: dict[int, int] = {}
        self._holders: dict[int, str] = {}

    async def get(self, recipient_id: int) -> Digest | None:
        self._store.ask("cql")
        return self._held.get(recipient_id)

    async def put(self, recipient_id: int, frequency: Frequency, slot: int) -> None:
        held = await self.get(recipient_id) or Digest(recipient_id, frequency, slot)
        if frequency is not Frequency.OFF:
            self._due.setdefault((shard_of(recipient_id), slot), set()).add(recipient_id)
        self._held[recipient_id] = replace(held, frequency=frequency, slot=slot)

    async def advance(self, recipient_id: int, slot: int, told_up_to: int) -> None:
        self._due.setdefault((shard_of(recipient_id), slot), set()).add(recipient_id)
        self._held[recipient_id] = replace(self._held[recipient_id], slot=slot, told_up_to=told_up_to)

    async def due(self, shard: int, slot: int, after: int, limit: int) -> list[int]:
        self._store.ask("cql")
        return sorted(each for each in self._due.get((shard, slot), ()) if each > after)[:limit]

    async def reached(self, shard: int) -> int | None:
        self._store.ask("cql")
        return self._reached.get(shard)

    async def reach(self, shard: int, slot: int) -> None:
        self._reached[shard] = slot
        self._due.pop((shard, slot - 1), None)

    async def lease(self, shard: int, holder: str, *, held: bool) -> bool:
        self._store.ask("cql")
        return self._holders.setdefault(shard, holder) == holder

    async def release(self, shard: int, holder: str) -> None:
        if self._holders.get(shard) == holder:
            del self._holders[shard]
