"""By which ways a recipient wants to be told, over the fake and over the engine."""

from __future__ import annotations

from notification_service.models import Kind
from notification_service.preference_models import Channel, Preferences, QuietHours
from notification_service.repository.preferences import PreferenceRepository

ALICE, BOB = 101, 102
NIGHT = QuietHours(1_320, 420, "Europe/Berlin")


async def test_preferences_change_by_what_is_named(preferences: PreferenceRepository) -> None:
    assert await preferences.get(ALICE) == Preferences()
    changes = {
        (Kind.FAVOURITE, Channel.PUSH): False,
        (Kind.FOLLOW, Channel.PUSH): False,
        (Kind.FAVOURITE, Channel.STREAM): False,
        (Kind.MENTION, Channel.STREAM): True,
        (Kind.FAVOURITE, Channel.MAIL): False,
        (Kind.FOLLOW, Channel.MAIL): True,
    }
    for _ in range(2):
        await preferences.change(ALICE, changes)
    await preferences.change(ALICE, {(Kind.FOLLOW, Channel.PUSH): True})
    await preferences.change(ALICE, {})
    await preferences.set_quiet(ALICE, NIGHT)
    likes = frozenset({Kind.FAVOURITE})
    assert await preferences.get(ALICE) == Preferences(likes, likes, NIGHT, likes)
    await preferences.set_quiet(ALICE, None)
    assert await preferences.get(ALICE) == Preferences(likes, likes, None, likes)
    assert await preferences.get(BOB) == Preferences()
