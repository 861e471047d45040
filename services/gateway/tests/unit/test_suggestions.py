"""Suggestions over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

from rookery.user.v1.suggestion_service_pb2 import Suggestion, SuggestionSource

if TYPE_CHECKING:
    from gateway_fakes.world import World

FRIENDS, POPULAR = (
    SuggestionSource.SUGGESTION_SOURCE_FRIENDS_OF_FRIENDS,
    SuggestionSource.SUGGESTION_SOURCE_MOST_FOLLOWED,
)


async def test_suggestions_are_shown_with_their_reasons_until_they_are_dismissed(
    http: httpx2.AsyncClient, world: World
) -> None:
    (_, headers), bob, star = world.newcomer("alice"), world.user.add("bob"), world.user.add("star")
    world.suggestions.suggestions = [
        Suggestion(account_id=bob, sources=[FRIENDS, POPULAR]),
        Suggestion(account_id=star, sources=[POPULAR]),
    ]
    shown = (await http.get("/api/v2/suggestions", headers=headers)).json()
    assert [(each["source"], each["sources"], each["account"]["id"]) for each in shown] == [
        ("past_interactions", ["friends_of_friends", "most_followed"], str(bob)),
        ("global", ["most_followed"], str(star)),
    ]
    older = await http.get("/api/v1/suggestions?limit=1", headers=headers)
    assert [each["id"] for each in older.json()] == [str(bob)]
    assert (await http.delete(f"/api/v1/suggestions/{bob}", headers=headers)).json() == {}
    left = (await http.get("/api/v2/suggestions", headers=headers)).json()
    assert [each["account"]["id"] for each in left] == [str(star)]
    assert (await http.delete("/api/v1/suggestions/5", headers=headers)).status_code == 404
