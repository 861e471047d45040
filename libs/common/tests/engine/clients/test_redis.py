"""The Redis client against a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rookery_common.clients.redis import CALL_SECONDS, RedisClient, RedisRejected, RedisUnavailable
from rookery_common.errors import DeadlineExceeded
from rookery_common.rpc.deadline import deadline


@pytest_asyncio.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(redis_url, "test")
    await client.start()
    yield client
    await client.stop()


async def test_values_are_bytes(client: RedisClient, redis_prefix: str) -> None:
    await client.call("set", client.raw.set(f"{redis_prefix}a", b"\x00\xff"))
    assert await client.call("mget", client.raw.mget([f"{redis_prefix}a", f"{redis_prefix}b"])) == [b"\x00\xff", None]
    await client.check()


async def test_a_script_runs_also_where_the_server_has_forgotten_it(client: RedisClient, redis_prefix: str) -> None:
    script = client.script(f"return redis.call('INCRBY', KEYS[1], ARGV[1]) -- {redis_prefix}", name="add")
    assert await script([f"{redis_prefix}n"], [5]) == 5
    await client.raw.script_flush()
    assert await script([f"{redis_prefix}n"], [2]) == 7


async def test_a_wrong_command_is_a_defect(client: RedisClient, redis_prefix: str) -> None:
    await client.call("set", client.raw.set(f"{redis_prefix}a", "x"))
    with pytest.raises(RedisRejected):
        await client.call("incr", client.raw.incr(f"{redis_prefix}a"))
    with pytest.raises(RedisRejected):
        await client.script("this is not lua", name="wrong")([])


async def test_a_server_that_is_away_is_unavailable() -> None:
    client = RedisClient("redis://127.0.0.1:1/0", "test")
    with pytest.raises(RedisUnavailable):
        await client.check()
    await client.stop()


async def test_the_deadline_caps_a_call(client: RedisClient, redis_prefix: str) -> None:
    start = time.monotonic()
    with deadline(0.1), pytest.raises(RedisUnavailable):
        await client.call("blpop", client.raw.blpop([f"{redis_prefix}none"], timeout=60))
    assert time.monotonic() - start < CALL_SECONDS
    with deadline(0), pytest.raises(DeadlineExceeded):
        await client.call("get", client.raw.get(f"{redis_prefix}a"))


async def test_more_calls_than_connections_wait_their_turn(client: RedisClient, redis_prefix: str) -> None:
    calls = [client.call("incr", client.raw.incr(f"{redis_prefix}n"), timeout=10) for _ in range(300)]
    assert sorted(await asyncio.gather(*calls)) == list(range(1, 301))


async def test_commands_that_share_a_connection_get_each_its_own_answer(client: RedisClient, redis_prefix: str) -> None:
    keys = [f"{redis_prefix}{number}" for number in range(300)]
    await client.call("mset", client.raw.mset({key: key for key in keys}))
    answers = await asyncio.gather(*(client.mget("one", [key]) for key in keys))
    assert answers == [[key.encode()] for key in keys]


async def test_a_shared_command_that_is_given_up_leaves_the_others_in_order(
    client: RedisClient, redis_prefix: str
) -> None:
    await client.call("mset", client.raw.mset({f"{redis_prefix}a": "a", f"{redis_prefix}b": "b"}))
    slow = client.script("for i = 1, 3000000 do local x = i end return KEYS[1]", name="slow", shared=True)
    given_up = asyncio.create_task(slow([f"{redis_prefix}x"], timeout=0.001))
    others = [asyncio.create_task(client.mget("other", [f"{redis_prefix}{name}"], timeout=30)) for name in "abab"]
    with pytest.raises(RedisUnavailable):
        await given_up
    assert [await other for other in others] == [[b"a"], [b"b"], [b"a"], [b"b"]]


async def test_a_shared_connection_that_breaks_is_made_anew(redis_url: str, redis_prefix: str) -> None:
    client = RedisClient(redis_url, f"test-{redis_prefix.strip(':')}")
    await client.call("set", client.raw.set(f"{redis_prefix}a", "a"))
    assert await client.mget("first", [f"{redis_prefix}a"]) == [b"a"]
    listed = await client.call("list", client.raw.client_list())
    (shared,) = [each["id"] for each in listed if each["name"] == client._name and each["cmd"] == "mget"]
    await client.call("kill", client.raw.client_kill_filter(_id=shared))
    async with asyncio.timeout(30):
        while True:
            try:
                assert await client.mget("again", [f"{redis_prefix}a"]) == [b"a"]
                break
            except RedisUnavailable:
                await asyncio.sleep(0.01)
    await client.stop()


async def test_a_shared_refusal_is_its_own_command_s_alone(client: RedisClient, redis_prefix: str) -> None:
    await client.call("set", client.raw.set(f"{redis_prefix}a", "a"))
    wrong = client.script("return redis.call('INCR', KEYS[1])", name="wrong", shared=True)
    right = client.mget("right", [f"{redis_prefix}a"])
    outcomes = await asyncio.gather(wrong([f"{redis_prefix}a"]), right, return_exceptions=True)
    assert isinstance(outcomes[0], RedisRejected)
    assert outcomes[1] == [b"a"]


async def test_several_commands_are_sent_together_and_each_is_answered(client: RedisClient, redis_prefix: str) -> None:
    keys = [f"{redis_prefix}{name}" for name in "ab"]
    commands = [("SET", keys[0], "1", "EX", 60), ("INCRBY", keys[0], 4), ("SET", keys[1], "2", "NX"), ("GET", keys[0])]
    others = [client.mget("other", keys[:1]) for _ in range(3)]
    answers, *read = await asyncio.gather(client.send("several", commands), *others)
    assert [answers[1], answers[2] is not None, answers[3]] == [5, True, b"5"]
    assert all(each in ([None], [b"1"], [b"5"]) for each in read)
    assert await client.send("none", []) == []


async def test_one_refusal_among_several_commands_is_told_and_the_rest_are_done(
    client: RedisClient, redis_prefix: str
) -> None:
    keys = [f"{redis_prefix}{name}" for name in "abc"]
    wrong = [("INCRBY", keys[0], "x"), ("INCRBY", keys[1], "y")]
    with pytest.raises(RedisRejected):
        await client.send("wrong", [*wrong, ("SET", keys[2], "1")])
    assert await client.mget("after", keys) == [None, None, b"1"]


async def test_shared_commands_of_a_server_that_is_away_are_unavailable() -> None:
    client = RedisClient("redis://127.0.0.1:1/0", "test")
    for _ in range(2):
        with pytest.raises(RedisUnavailable):
            await client.mget("away", ["a"])
    await client.stop()
