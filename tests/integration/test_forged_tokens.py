"""Forged and malformed tokens are refused at the public edge, and by each service that is called directly."""

from __future__ import annotations

import grpc
import httpx2
import pytest
from harness.people import Person, Town
from harness.platform import required

from rookery.auth.v1 import auth_service_pb2 as pb
from rookery_common.testing.forgeries import Forgery, forgeries

pytestmark = pytest.mark.local

SECONDS = 20
VERIFY = "/api/v1/accounts/verify_credentials"
# A method of each service; the token is looked at before any of them begins.
METHODS = {
    "AUTH": "/rookery.auth.v1.AuthService/GetApp",
    "USER": "/rookery.user.v1.UserService/LookupAccounts",
    "POST": "/rookery.post.v1.PostService/GetMedia",
    "FEED": "/rookery.feed.v1.FeedService/AddOwnPost",
    "MESSAGING": "/rookery.messaging.v1.MessagingService/ListConversations",
    "NOTIFICATION": "/rookery.notification.v1.NotificationService/ListNotifications",
    "SEARCH": "/rookery.search.v1.SearchService/Search",
    "ANALYTICS": "/rookery.analytics.v1.AnalyticsService/GetMeasures",
    "MODERATION": "/rookery.moderation.v1.ModerationService/ListReports",
}


def answer(service: str, token: str, *, caller: str = "gateway") -> str:
    """The status of a call made as the gateway makes it: over plaintext, where the caller is known by its word."""
    with grpc.insecure_channel(required(f"{service}_GRPC_ADDRESS")) as channel:
        return statuses(channel, METHODS[service], [token], caller)[0]


def statuses(channel: grpc.Channel, method: str, tokens: list[str], caller: str = "gateway") -> list[str]:
    """The status of one call for each token."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    futures = [
        call.future(b"", metadata=(("rookery-service", caller), ("authorization", f"Bearer {token}")), timeout=SECONDS)
        for token in tokens
    ]
    return [future.code().name for future in futures]


def ask_auth(method: str, request: bytes) -> bytes:
    """Auth's answer to the gateway."""
    with grpc.insecure_channel(required("AUTH_GRPC_ADDRESS")) as channel:
        path = f"/rookery.auth.v1.AuthService/{method}"
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        return bytes(call(request, metadata=(("rookery-service", "gateway"),), timeout=SECONDS))


@pytest.fixture(scope="module")
def erin(town: Town) -> Person:
    return town.newcomer("erin")


@pytest.fixture(scope="module")
def internal(erin: Person) -> str:
    """A good internal token of Erin's, as the gateway gets it."""
    request = pb.ExchangeTokenRequest(token=erin.token).SerializeToString()
    return pb.ExchangeTokenResponse.FromString(ask_auth("ExchangeToken", request)).internal_token


@pytest.fixture(scope="module")
def forged(internal: str) -> list[Forgery]:
    """What can travel in a header."""
    jwks = pb.GetSigningKeysResponse.FromString(ask_auth("GetSigningKeys", b"")).jwks_json
    made = [(what, token) for what, token in forgeries(internal, jwks) if token.strip() and token.isprintable()]
    made = [(what, token) for what, token in made if len(token) < 4000]
    assert len(made) >= 200
    return made


@pytest.mark.parametrize("service", METHODS)
def test_each_service_refuses_every_forged_token_by_itself(service: str, internal: str, forged: list[Forgery]) -> None:
    with grpc.insecure_channel(required(f"{service}_GRPC_ADDRESS")) as channel:
        assert statuses(channel, METHODS[service], [internal]) != ["UNAUTHENTICATED"]
        found = statuses(channel, METHODS[service], [token for _, token in forged])
    taken = [what for (what, _), status in zip(forged, found, strict=True) if status != "UNAUTHENTICATED"]
    assert taken == []


@pytest.mark.parametrize("service", METHODS)
def test_a_good_token_does_not_make_up_for_a_caller_that_may_not_call(service: str, internal: str) -> None:
    for caller in ("", "stranger", "Gateway", "gateway ", "analytics"):
        assert answer(service, internal, caller=caller) == "PERMISSION_DENIED"


def test_the_gateway_refuses_every_forged_token(http: httpx2.Client, erin: Person, forged: list[Forgery]) -> None:
    assert http.get(VERIFY, headers={"authorization": f"Bearer {erin.token}"}).status_code == 200
    taken = [
        what
        for what, token in forged
        if http.get(VERIFY, headers={"authorization": f"Bearer {token}"}).status_code != 401
    ]
    assert taken == []


def test_the_gateway_refuses_an_internal_token(http: httpx2.Client, internal: str) -> None:
    assert http.get(VERIFY, headers={"authorization": f"Bearer {internal}"}).status_code == 401


@pytest.mark.parametrize("header", ["authorization", "x-user-id", "x-account-id", "x-roles", "rookery-service"])
def test_no_header_of_a_client_makes_it_somebody(http: httpx2.Client, erin: Person, header: str) -> None:
    value = erin.account_id if header != "rookery-service" else "gateway"
    assert http.get(VERIFY, headers={header: value}).status_code == 401
