"""Writes of one turn are joined, in order, and nothing that was written is lost at a close."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from gateway_service.joined_writes import MAX_HELD_BYTES, JoinedWrites


class Transport:
    """Notes what it is told to write, call by call."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.closed = False

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.calls.append(b"".join(parts))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


def joined(transport: Transport) -> JoinedWrites:
    return JoinedWrites(cast(asyncio.Transport, transport), asyncio.get_running_loop())


async def test_what_is_written_in_one_turn_is_one_call_and_the_next_turn_another() -> None:
    transport = Transport()
    writes = joined(transport)
    writes.write(b"head ")
    writes.write(b"body")
    assert transport.calls == []
    await asyncio.sleep(0)
    writes.write(b"more")
    await asyncio.sleep(0)
    assert transport.calls == [b"head body", b"more"]


async def test_much_does_not_wait_for_the_turns_end() -> None:
    transport = Transport()
    writes = joined(transport)
    writes.write(b"head ")
    writes.write(b"x" * MAX_HELD_BYTES)
    assert transport.calls == [b"head " + b"x" * MAX_HELD_BYTES]
    writes.write(b"rest")
    await asyncio.sleep(0)
    assert transport.calls[1:] == [b"rest"]


async def test_what_was_written_leaves_before_a_close_and_only_once() -> None:
    transport = Transport()
    writes = joined(transport)
    writes.write(b"bye")
    writes.close()
    await asyncio.sleep(0)
    assert transport.calls == [b"bye"]
    assert transport.closed


async def test_a_client_that_has_gone_gets_nothing() -> None:
    transport = Transport()
    writes = joined(transport)
    writes.write(b"too late")
    transport.closed = True
    await asyncio.sleep(0)
    assert transport.calls == []


async def test_the_rest_is_the_transports() -> None:
    assert joined(Transport()).get_extra_info("peername") == "the peername"
