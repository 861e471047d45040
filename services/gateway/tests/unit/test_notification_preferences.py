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
    assert begun["kinds"]["mention"] == {"stream": True, "push": True}
    assert begun["quiet_hours"]["enabled"] is False
    body = {"kinds": {"favourite": {"push": False}, "follow": {"stream": False}}, "quiet_hours": NIGHT}
    changed = (await http.patch(PATH, json=body, headers=alice)).json()
    assert changed["kinds"]["favourite"] == {"stream": True, "push": False}
    assert changed["kinds"]["follow"] == {"stream": False, "push": True}
    assert changed["quiet_hours"] == {"enabled": True, **NIGHT}
    form = {"kinds[favourite][push]": "true", "quiet_hours[enabled]": "false"}
    again = (await http.patch(PATH, data=form, headers=alice)).json()
    assert again["kinds"]["favourite"]["push"] is True
    assert again["quiet_hours"] == begun["quiet_hours"]
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
        ({"digest": "daily"}, "digest"),
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
