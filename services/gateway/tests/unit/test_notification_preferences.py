"""By which ways one is told, as a client reads and changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

if TYPE_CHECKING:
    from gateway_fakes.world import World

PATH = "/api/rookery/v1/notifications/preferences"
NIGHT = {"from": "22:30", "to": "07:00", "time_zone": "Europe/Berlin"}


@pytest.fixture
def alice(world: World) -> dict[str, str]:
    headers: dict[str, str] = world.newcomer("alice")[1]
    return headers


async def test_ways_and_quiet_hours_are_read_and_changed(http: httpx2.AsyncClient, alice: dict[str, str]) -> None:
    begun = (await http.get(PATH, headers=alice)).json()
    assert begun["kinds"]["mention"] == {"stream": True, "push": True, "email": True}
    assert (begun["quiet_hours"]["enabled"], begun["digest"]) == (False, "off")
    kinds = {"favourite": {"push": False}, "follow": {"stream": False}, "reblog": {"email": False}}
    body = {"kinds": kinds, "quiet_hours": NIGHT, "digest": "weekly"}
    changed = (await http.patch(PATH, json=body, headers=alice)).json()
    assert changed["kinds"]["favourite"] == {"stream": True, "push": False, "email": True}
    assert changed["kinds"]["follow"] == {"stream": False, "push": True, "email": True}
    assert (changed["kinds"]["reblog"]["email"], changed["digest"]) == (False, "weekly")
    assert changed["quiet_hours"] == {"enabled": True, **NIGHT}
    form = {"kinds[favourite][push]": "true", "quiet_hours[enabled]": "false", "digest": "off"}
    again = (await http.patch(PATH, data=form, headers=alice)).json()
    assert again["kinds"]["favourite"]["push"] is True
    assert (again["quiet_hours"], again["digest"]) == (begun["quiet_hours"], "off")
    assert again["kinds"]["follow"]["stream"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kinds": {"mentions": {"push": False}}}, "kinds.mentions"),
        ({"kinds": {"security.sign_in": {"push": False}}}, "kinds.security.sign_in"),
        ({"kinds": {"mention": {"fax": True}}}, "kinds.mention.fax"),
        ({"kinds": {"mention": {"push": "perhaps"}}}, "kinds.mention.push"),
        ({"quiet_hours": {**NIGHT, "from": "24:00"}}, "quiet_hours.from"),
        ({"quiet_hours": {"from": "22:00", "to": "7:00", "time_zone": "UTC"}}, "quiet_hours.to"),
        ({"quiet_hours": {"from": "22:00", "to": "07:00"}}, "quiet_hours.time_zone"),
        ({"digest": "hourly"}, "digest"),
        ({"digests": "daily"}, "digests"),
    ],
)
async def test_what_is_wrong_is_named_and_changes_nothing(
    http: httpx2.AsyncClient, alice: dict[str, str], body: dict[str, Any], field: str
) -> None:
    begun = (await http.get(PATH, headers=alice)).json()
    refused = await http.patch(PATH, json=body, headers=alice)
    assert refused.status_code == 422
    assert field in refused.text
    assert (await http.get(PATH, headers=alice)).json() == begun


async def test_the_link_in_a_digest_ends_it_without_anybody_being_signed_in(
    http: httpx2.AsyncClient, world: World, alice: dict[str, str]
) -> None:
    page = await http.get("/mails/unsubscribe", params={"token": "alices"})
    assert (page.status_code, 'action="/mails/unsubscribe?token=alices"' in page.text) == (200, True)
    assert world.notification.made("UnsubscribeDigest") == []
    one_click = {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        done = await http.post("/mails/unsubscribe", params={"token": "alices"}, data=one_click)
        assert done.status_code == 200
        assert "no more digests" in done.text
    assert [call.request.token for call in world.notification.made("UnsubscribeDigest")] == ["alices"] * 2
    refused = await http.post("/mails/unsubscribe", params={"token": "wrong"}, headers={"accept-language": "de"})
    assert refused.status_code in (400, 422)
    assert "nicht vollständig" in refused.text
