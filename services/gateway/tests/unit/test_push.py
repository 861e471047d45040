"""Push subscriptions, as the clients that exist ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from gateway_fakes.notification import PUSH_KEY

from rookery.notification.v1.notification_service_pb2 import NotificationType

if TYPE_CHECKING:
    from gateway_fakes.world import World

PATH = "/api/v1/push/subscription"
POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
FORM = {
    "subscription[endpoint]": "https://push.example/listener",
    "subscription[keys][p256dh]": POINT,
    "subscription[keys][auth]": "BTBZMqHH6r4Tts7J_aSIgg==",
    "data[alerts][mention]": "true",
    "data[alerts][follow]": "1",
    "data[alerts][poll]": "false",
    "data[alerts][severed_relationships]": "true",
    "data[policy]": "followed",
}


@pytest.fixture
def alice(world: World) -> dict[str, str]:
    headers: dict[str, str] = world.newcomer("alice")[1]
    return headers


async def test_a_subscription_is_made_read_changed_and_ended(
    http: httpx2.AsyncClient, world: World, alice: dict[str, str]
) -> None:
    assert (await http.get(PATH, headers=alice)).status_code == 404
    made = await http.post(PATH, data=FORM, headers=alice)
    body = made.json()
    assert made.status_code == 200
    assert (body["id"], body["endpoint"], body["policy"], body["server_key"]) == (
        "7",
        "https://push.example/listener",
        "followed",
        PUSH_KEY,
    )
    assert {name for name, wanted in body["alerts"].items() if wanted} == {"mention", "follow"}
    (asked,) = world.notification.put
    assert (len(asked.p256dh), len(asked.auth)) == (65, 16)
    assert asked.token in alice["authorization"]
    assert (await http.get(PATH, headers=alice)).json() == body
    changed = (await http.put(PATH, json={"data": {"alerts": {"poll": True}}}, headers=alice)).json()
    assert {name for name, wanted in changed["alerts"].items() if wanted} == {"poll"}
    assert changed["policy"] == "followed"
    for _ in range(2):
        assert (await http.delete(PATH, headers=alice)).json() == {}
    assert (await http.put(PATH, json={}, headers=alice)).status_code == 404
    assert asked.alerts == [NotificationType.NOTIFICATION_TYPE_FOLLOW, NotificationType.NOTIFICATION_TYPE_MENTION]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"subscription[endpoint]": ""}, "subscription.endpoint"),
        ({"subscription[keys][p256dh]": "!"}, "subscription.keys.p256dh"),
        ({"subscription[keys][auth]": ""}, "subscription.keys.auth"),
        ({"data[policy]": "friends"}, "policy"),
        ({"data[alerts][mention]": "maybe"}, "mention"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_made(
    http: httpx2.AsyncClient, world: World, alice: dict[str, str], changed: dict[str, Any], field: str
) -> None:
    answer = await http.post(PATH, data=FORM | changed, headers=alice)
    assert answer.status_code == 422
    assert field in answer.text
    assert world.notification.put == []
