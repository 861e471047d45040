"""What recipients have chosen, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from notification_service.policy_models import Answer, Outcome, Policy
from notification_service.preference_models import Changes, Channel, Preferences, QuietHours
from notification_service.repository.policies import PolicyRepository
from notification_service.repository.preferences import PreferenceRepository


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
            name = "not_streamed" if channel is Channel.STREAM else "not_pushed"
            kinds: Any = getattr(held, name) - {kind} if wanted else getattr(held, name) | {kind}
            held = replace(held, **{name: kinds})
        self._held[recipient_id] = held

    async def set_quiet(self, recipient_id: int, quiet: QuietHours | None) -> None:
        self._held[recipient_id] = replace(await self.get(recipient_id), quiet=quiet)
