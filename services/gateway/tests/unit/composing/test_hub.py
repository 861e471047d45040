"""Connections by themselves: how they are closed, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_service.connections import MAX_QUEUED, Closing, Connection
from rookery.feed.v1.feed_service_pb2 import TimelineUpdate

if TYPE_CHECKING:
    from tests.unit.composing.conftest import Gateway, World


async def test_clients_that_are_sent_elsewhere_come_back_one_by_one(world: World, gateway: Gateway) -> None:
    connections = [gateway.hub.open(world.tokens.identity(account_id)) for account_id in range(200, 240)]
    gateway.hub.close_all()
    waits = {connection.return_seconds for connection in connections}
    assert len(waits) > 20
    assert all(0 <= wait <= 2 for wait in waits)
    assert connections[0].reason(Closing.RESTART).startswith("restart; come back in ")
    assert connections[0].reason(Closing.SLOW) == "slow"


async def test_a_reader_that_is_too_slow_is_dropped(world: World) -> None:
    item = TimelineUpdate(kind=TimelineUpdate.KIND_UPDATE, entry_id=1)
    connection = Connection(world.tokens.identity(102))
    for _ in range(MAX_QUEUED):
        connection.offer(item)
    assert not connection.closed.done()
    connection.offer(item)
    assert connection.closed.result().value.why == "slow"
