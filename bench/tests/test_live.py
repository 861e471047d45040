from __future__ import annotations

import asyncio
import json

import pytest
from rookery_bench.live import Arrivals, Likes
from rookery_bench.people import Account
from rookery_bench.sockets import Socket, notifications, read_frame
from websockets.asyncio.server import ServerConnection, serve

PEOPLE = [Account(str(number), "") for number in range(5)]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
async def test_frames_of_each_length_are_read(size: int) -> None:
    body = b"x" * size
    if size < 126:
        length = bytes([size])
    else:
        length = b"\x7e" + size.to_bytes(2, "big") if size < 65_536 else b"\x7f" + size.to_bytes(8, "big")
    reader = asyncio.StreamReader()
    reader.feed_data(b"\x81" + length + body + b"\x89\x00")
    assert await read_frame(reader) == (1, body)
    assert await read_frame(reader) == (9, b"")


async def test_connections_outlive_the_servers_pings() -> None:
    """A server as strict as the gateway's; it closes where its ping's body does not come back."""

    async def handler(connection: ServerConnection) -> None:
        await asyncio.wait_for(await connection.ping(b"are you there?"), 2)
        body = json.dumps({"event": "notification", "payload": json.dumps({"id": "1"})})
        await connection.send(body)

    async with serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        assert [told async for told in notifications(Socket(PEOPLE[0], reader, writer))] == [{"id": "1"}]
        writer.close()


def test_nobody_likes_a_post_of_their_own_or_one_twice() -> None:
    likes = Likes(PEOPLE, [[f"{person.id}-{number}" for number in range(3)] for person in PEOPLE])
    made = [likes.at(number) for number in range(5 * 4 * 3)]
    assert len({(liker.id, post_id) for liker, _, post_id in made}) == len(made)
    assert all(liker != owner and post_id.startswith(f"{owner.id}-") for liker, owner, post_id in made)


async def test_what_is_late_is_waited_for_and_what_never_comes_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    arrived = Arrivals()
    waiting = asyncio.create_task(arrived.missing(2))
    for _ in range(2):
        await asyncio.sleep(0)
        arrived.add(1.0)
    assert await waiting == 0
    monkeypatch.setattr("rookery_bench.live.LATE_SECONDS", 0.01)
    assert await Arrivals().missing(3) == 3
