"""Web push: encrypted as the standard has it, once, to whom it is wanted by, and to nobody within the network."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from notification_service.errors import ForbiddenEndpoint, PushNotTaken, SubscriptionNotFound, WrongSubscription
from notification_service.models import Kind, Notification
from notification_service.placement import notification_of
from notification_service.policy_models import Outcome
from notification_service.push_encryption import Vapid, WrongPoint, encrypt, new_key, parse_key
from notification_service.push_models import Author, Due, Endpoint, PushPolicy, Subscription
from notification_service.repository.policies import PolicyRepository
from notification_service.repository.push import PushRepository
from notification_service.service import pusher as pusher_module
from notification_service.service.channels import Channels
from notification_service.service.push import Subscriptions
from notification_service.service.push_key import PushKey
from notification_service.service.push_queue import PushQueue
from notification_service.service.pusher import NEWS_MS, REST_SECONDS, Pusher
from notification_service.service.remembered import KNOWN_SECONDS
from notification_service.service.sieve import Sieve
from notification_service.service.staff import Staff
from notification_service.service.tell import Teller
from rookery_common.testing import FakeClock
from rookery_common.testing.browser import PushedBrowser

Push = Callable[..., Awaitable[None]]
ALICE, BOB, PHONE, LAPTOP = 101, 102, 901, 902
FRIEND = Author("Bob", "https://rookery.test/bob.png", is_muted=False, is_followed=True, is_follower=False)


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class MemoryPushes(PushRepository):
    def __init__(self) -> None:
        self.subscriptions: dict[tuple[int, int], Subscription] = {}
        self.claimed: set[tuple[int, int]] = set()
        self.kept = ""

    async def put(self, subscription: Subscription) -> None:
        self.subscriptions[subscription.account_id, subscription.session_id] = subscription

    async def get(self, account_id: int, session_id: int) -> Subscription | None:
        return self.subscriptions.get((account_id, session_id))

    async def of_account(self, account_id: int) -> list[Subscription]:
        return [each for (owner, _), each in self.subscriptions.items() if owner == account_id]

    async def has_any(self, account_id: int) -> bool:
        return bool(await self.of_account(account_id))

    async def delete(self, account_id: int, session_id: int) -> None:
        self.subscriptions.pop((account_id, session_id), None)

    async def claim(self, subscription_id: int, notification_id: int) -> bool:
        is_new = (subscription_id, notification_id) not in self.claimed
        self.claimed.add((subscription_id, notification_id))
        return is_new

    async def key(self, new: str) -> str:
        self.kept = self.kept or new
        return self.kept


class Services:
    """Push services that answer with what they are told to."""

    def __init__(self) -> None:
        self.answers: list[int | Exception] = []
        self.asked: list[tuple[str, Mapping[str, str], bytes]] = []

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.asked.append((url, headers, body))
        answer = self.answers.pop(0) if self.answers else 201
        if isinstance(answer, Exception):
            raise answer
        return answer


class People:
    def __init__(self) -> None:
        self.known: Author | None = FRIEND

    async def author(self, recipient_id: int, account_id: int) -> Author | None:
        return self.known


@pytest.fixture
def pushes() -> MemoryPushes:
    return MemoryPushes()


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def subscriptions(pushes: MemoryPushes, clock: FakeClock) -> Subscriptions:
    return Subscriptions(pushes, clock, plain=False)


@pytest.fixture
def pusher(
    pushes: MemoryPushes,
    notifications: Any,
    people: People,
    services: Services,
    policies: PolicyRepository,
    authors: Any,
    staff: Staff,
    channels: Channels,
    clock: FakeClock,
) -> Pusher:
    key, sieve = PushKey(pushes, "https://rookery.test"), Sieve(policies, authors, authors, staff, clock)
    return Pusher(pushes, notifications, people, key, services, sieve, channels, clock)


@pytest.fixture
def browser() -> PushedBrowser:
    return PushedBrowser()


@pytest.fixture
async def phone(subscriptions: Subscriptions, browser: PushedBrowser) -> Subscription:
    endpoint = Endpoint("https://push.example/send/1", browser.p256dh, browser.auth, "alices-token")
    return await subscriptions.put(ALICE, PHONE, endpoint, {Kind.MENTION, Kind.FOLLOW}, PushPolicy.ALL)


@pytest.fixture
async def told(teller: Teller, acts: Any) -> Notification:
    act = acts.make(Kind.MENTION)
    await teller.tell_acts([act])
    return notification_of(act)


@pytest.fixture
def push(pusher: Pusher, clock: FakeClock) -> Push:
    """Pushes notifications that are due from now on."""

    async def push(*told: Notification) -> None:
        await pusher.push([Due(each, clock.unix_ms()) for each in told])

    return push


def test_a_message_is_encrypted_as_in_the_standards_example() -> None:
    sender = ec.derive_private_key(
        int.from_bytes(_bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")), ec.SECP256R1()
    )
    made = encrypt(
        b"When I grow up, I want to be a watermelon",
        _bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        _bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        sender=sender,
        salt=_bytes("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert made == _bytes(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    with pytest.raises(WrongPoint):
        encrypt(b"", b"\x04" + bytes(64), bytes(16))


async def test_the_browser_reads_who_did_what_and_its_service_who_sends(
    push: Push,
    services: Services,
    browser: PushedBrowser,
    phone: Subscription,
    told: Notification,
    clock: FakeClock,
) -> None:
    await push(told)
    ((url, headers, body),) = services.asked
    assert json.loads(browser.decrypted(body)) == {
        "access_token": "alices-token",
        "preferred_locale": "en",
        "notification_id": str(told.notification_id),
        "notification_type": "mention",
        "icon": FRIEND.icon,
        "title": "Bob mentioned you",
        "body": "",
    }
    assert (url, headers["content-encoding"], headers["topic"]) == (
        phone.endpoint.url,
        "aes128gcm",
        f"n{told.notification_id}",
    )
    token, key = headers["authorization"].removeprefix("vapid t=").split(", k=")
    point = _bytes(key)
    public = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": _text(point[1:33]), "y": _text(point[33:])})
    claims = jwt.decode(token, public).claims
    assert (claims["aud"], claims["sub"]) == ("https://push.example", "https://rookery.test")
    assert clock.unix_ms() / 1000 < claims["exp"] <= clock.unix_ms() / 1000 + 86_400


def _text(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()


async def test_nothing_is_pushed_twice(push: Push, services: Services, phone: Subscription, told: Notification) -> None:
    for _ in range(3):
        await push(told, told)
    assert len(services.asked) == 1


@pytest.mark.parametrize(
    ("author", "policy", "is_pushed"),
    [
        (FRIEND, PushPolicy.FOLLOWED, True),
        (FRIEND, PushPolicy.FOLLOWER, False),
        (FRIEND, PushPolicy.NONE, False),
        (Author("Bob", "", is_muted=True, is_followed=True, is_follower=True), PushPolicy.ALL, False),
        (None, PushPolicy.ALL, False),
    ],
)
async def test_only_what_is_wanted_is_pushed(
    push: Push,
    subscriptions: Subscriptions,
    services: Services,
    people: People,
    phone: Subscription,
    told: Notification,
    author: Author | None,
    policy: PushPolicy,
    is_pushed: bool,
) -> None:
    people.known = author
    await subscriptions.change(ALICE, PHONE, {Kind.MENTION}, policy)
    await push(told)
    assert bool(services.asked) is is_pushed


async def test_what_is_old_taken_back_or_of_another_kind_is_not_pushed(
    push: Push,
    pusher: Pusher,
    teller: Teller,
    services: Services,
    phone: Subscription,
    told: Notification,
    acts: Any,
    clock: FakeClock,
) -> None:
    like = acts.make(Kind.FAVOURITE)
    await teller.tell_acts([like])
    await pusher.push([Due(told, clock.unix_ms() - NEWS_MS - 1)])
    await push(notification_of(like))
    await teller.put_away([told], "taken_back")
    await push(told)
    assert services.asked == []


async def test_what_the_recipient_may_not_see_or_keeps_apart_is_not_pushed(
    push: Push, services: Services, phone: Subscription, told: Notification, policies: PolicyRepository, authors: Any
) -> None:
    authors.hidden.add(told.subject_id)
    await push(told)
    authors.hidden.clear()
    await policies.put(ALICE, {"not_followers": Outcome.FILTER})
    await push(told)
    assert services.asked == []
    await policies.accept(ALICE, [told.account_id])
    await push(told)
    assert len(services.asked) == 1


@pytest.mark.parametrize("status", [404, 410])
async def test_a_subscription_that_is_gone_is_forgotten(
    push: Push,
    subscriptions: Subscriptions,
    services: Services,
    phone: Subscription,
    told: Notification,
    status: int,
) -> None:
    services.answers = [status]
    await push(told)
    with pytest.raises(SubscriptionNotFound):
        await subscriptions.get(ALICE, PHONE)


async def test_a_busy_service_is_tried_again_and_one_that_takes_nothing_is_left_alone(
    push: Push,
    teller: Teller,
    services: Services,
    phone: Subscription,
    told: Notification,
    acts: Any,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pusher_module, "RETRY_SECONDS", (0.0, 0.0))
    services.answers = [503, PushNotTaken("hangs"), 201]
    await push(told)
    assert len(services.asked) == 3
    assert {headers["topic"] for _, headers, _ in services.asked} == {f"n{told.notification_id}"}
    more = acts.many(3, Kind.MENTION)
    await teller.tell_acts(more)
    services.answers = [503] * 3
    await push(notification_of(more[0]))
    await push(notification_of(more[1]))
    assert len(services.asked) == 6
    clock.advance(REST_SECONDS + 1)
    await push(notification_of(more[2]))
    assert len(services.asked) == 7


async def test_a_refusal_is_not_repeated(
    push: Push, subscriptions: Subscriptions, services: Services, phone: Subscription, told: Notification
) -> None:
    services.answers = [302]
    await push(told)
    assert len(services.asked) == 1
    assert await subscriptions.get(ALICE, PHONE) == phone


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"url": ""}, WrongSubscription),
        ({"url": "http://push.example/"}, ForbiddenEndpoint),
        ({"url": "https://user@push.example/"}, ForbiddenEndpoint),
        ({"url": "https:///"}, ForbiddenEndpoint),
        ({"url": "https://push.example:99999/"}, ForbiddenEndpoint),
        ({"url": "https://push.example/\r\nx"}, ForbiddenEndpoint),
        ({"auth": b"short"}, WrongSubscription),
        ({"public_key": bytes(65)}, WrongSubscription),
        ({"token": "t" * 513}, WrongSubscription),
    ],
)
async def test_what_reaches_no_browser_is_refused(
    subscriptions: Subscriptions, pushes: MemoryPushes, browser: PushedBrowser, changed: dict[str, Any], refusal: Any
) -> None:
    parts = {"url": "https://push.example/", "public_key": browser.p256dh, "auth": browser.auth, "token": ""} | changed
    with pytest.raises(refusal):
        await subscriptions.put(ALICE, PHONE, Endpoint(**parts), {Kind.FOLLOW}, PushPolicy.ALL)
    assert pushes.subscriptions == {}


async def test_the_key_is_made_once(pushes: MemoryPushes) -> None:
    first = await PushKey(pushes, "https://rookery.test").vapid()
    second = await PushKey(pushes, "https://rookery.test").vapid()
    assert first.public_key == second.public_key
    assert len(_bytes(first.public_key)) == 65
    assert Vapid(parse_key(new_key()), "").public_key != first.public_key


async def test_only_those_with_a_subscription_wait_in_the_lane(
    pushes: MemoryPushes, subscriptions: Subscriptions, browser: PushedBrowser, acts: Any, clock: FakeClock
) -> None:
    class Lane(list[Notification]):
        async def put(self, notifications: Any) -> None:
            self.extend(notifications)

    lane = Lane()
    queue = PushQueue(pushes, lane, clock)
    first, second = acts.told(2)
    await queue.offer([first])
    endpoint = Endpoint("https://push.example/", browser.p256dh, browser.auth, "")
    await subscriptions.put(ALICE, LAPTOP, endpoint, {Kind.FOLLOW}, PushPolicy.ALL)
    clock.advance(KNOWN_SECONDS + 1)
    await queue.offer([second])
    assert lane == [second]
