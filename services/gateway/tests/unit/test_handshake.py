"""Tickets, and which pages may open streams."""

from __future__ import annotations

from typing import Any, cast

import pytest
from starlette.requests import HTTPConnection

from gateway_service.auth import TokenExchange
from gateway_service.config import Settings
from gateway_service.errors import InvalidAccessToken
from gateway_service.handshake import MAX_TICKET_CHARS, TICKET_SECONDS, Handshake, OriginNotAllowed, Tickets
from rookery_common.testing.clock import FakeClock


def test_a_ticket_is_good_once(settings: Settings, clock: FakeClock) -> None:
    tickets = Tickets(settings, clock)
    ticket, ends_ms = tickets.issue("a-token")
    assert ends_ms == clock.unix_ms() + TICKET_SECONDS * 1000
    assert tickets.redeem(ticket) == "a-token"
    with pytest.raises(InvalidAccessToken):
        tickets.redeem(ticket)


def test_another_replica_takes_a_ticket_too(settings: Settings, clock: FakeClock) -> None:
    ticket, _ = Tickets(settings, clock).issue("a-token")
    assert Tickets(settings, clock).redeem(ticket) == "a-token"


def test_a_ticket_ends(settings: Settings, clock: FakeClock) -> None:
    tickets = Tickets(settings, clock)
    ticket, _ = tickets.issue("a-token")
    clock.advance(TICKET_SECONDS + 1)
    with pytest.raises(InvalidAccessToken):
        tickets.redeem(ticket)


def test_each_bit_of_a_ticket_counts(settings: Settings, clock: FakeClock) -> None:
    tickets = Tickets(settings, clock)
    ticket, _ = tickets.issue("a-token")
    for position in range(len(ticket)):
        other = "A" if ticket[position] != "A" else "w"
        with pytest.raises(InvalidAccessToken):
            tickets.redeem(ticket[:position] + other + ticket[position + 1 :])


@pytest.mark.parametrize("ticket", ["x", "=", "ü", "a" * 100, "A" * (MAX_TICKET_CHARS + 1)])
def test_what_is_no_ticket_is_refused(settings: Settings, clock: FakeClock, ticket: str) -> None:
    with pytest.raises(InvalidAccessToken):
        Tickets(settings, clock).redeem(ticket)


@pytest.mark.parametrize(
    ("allowed", "origin", "refused"),
    [
        ([], "https://anywhere.example", False),
        (["https://app.example"], "https://app.example", False),
        (["https://app.example/"], "https://APP.example", False),
        (["https://app.example"], None, False),
        (["https://app.example"], "https://evil.example", True),
        (["https://app.example"], "null", True),
        (["https://app.example"], "http://app.example", True),
        (["https://app.example"], "https://app.example.evil.example", True),
    ],
)
async def test_a_page_opens_streams_where_its_origin_may(
    settings: Settings, clock: FakeClock, exchange: TokenExchange, allowed: list[str], origin: str | None, refused: bool
) -> None:
    own = settings.model_copy(update={"stream_origins": allowed})
    headers = [] if origin is None else [(b"origin", origin.encode())]
    connection = HTTPConnection(cast(Any, {"type": "websocket", "headers": headers, "query_string": b""}))
    with pytest.raises(OriginNotAllowed if refused else InvalidAccessToken):
        await Handshake(own, exchange, clock).admit(connection)
