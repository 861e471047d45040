"""Both ends of a batched call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from rookery.feed.v1.feed_service_pb2 import (
    BatchGetHomeEntry,
    BatchGetHomeRequest,
    BatchGetHomeResponse,
    BatchGetHomeResult,
)
from rookery_common.auth import Identity, with_identity
from rookery_common.errors import AppError, DeadlineExceeded, InvalidArgument, NotFound, Unauthenticated, Unavailable
from rookery_common.rpc import Batcher, RpcClient, deadline, remaining, serve_batch
from rookery_common.testing.rpc import Tokens
from rookery_common.testing.waiting import eventually

Home = Batcher[BatchGetHomeEntry, BatchGetHomeResult]


class Calls:
    """A send function that notes each call, and waits until the test lets it go on."""

    def __init__(self, *, held: bool = False) -> None:
        self.limits: list[list[int]] = []
        self.timeouts: list[float] = []
        self.go_on = asyncio.Event()
        self.statuses: dict[int, list[int]] = {}
        if not held:
            self.go_on.set()

    async def __call__(self, entries: list[BatchGetHomeEntry], timeout: float) -> Sequence[BatchGetHomeResult]:
        self.limits.append([entry.limit for entry in entries])
        self.timeouts.append(timeout)
        await self.go_on.wait()
        return [self._result(entry) for entry in entries]

    def _result(self, entry: BatchGetHomeEntry) -> BatchGetHomeResult:
        result = BatchGetHomeResult(more=True)
        codes = self.statuses.get(entry.limit)
        if codes:
            result.status.code = codes.pop(0)
        return result


def entry(limit: int) -> BatchGetHomeEntry:
    return BatchGetHomeEntry(limit=limit)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_entry_alone_goes_at_once() -> None:
    calls = Calls()
    batcher: Home = Batcher(calls, name="home")
    assert (await batcher(entry(1), timeout=5)).more
    assert calls.limits == [[1]]


async def test_an_entry_that_arrives_just_as_a_call_ends_goes_at_once_too() -> None:
    calls = Calls()
    batcher: Home = Batcher(calls, max_in_flight=1, name="home")
    for limit in range(5):
        assert (await batcher(entry(limit), timeout=5)).more
    assert len(calls.limits) == 5


async def test_entries_that_arrive_meanwhile_share_the_next_call() -> None:
    calls = Calls(held=True)
    batcher: Home = Batcher(calls, max_in_flight=1, name="home")
    tasks = [asyncio.create_task(batcher(entry(1), timeout=5))]
    await settle()
    tasks += [asyncio.create_task(batcher(entry(limit), timeout=5)) for limit in (2, 3, 4)]
    await settle()
    assert calls.limits == [[1]]
    calls.go_on.set()
    await asyncio.gather(*tasks)
    assert calls.limits == [[1], [2, 3, 4]]


async def test_a_slow_call_holds_the_others_up_for_a_moment_only_and_a_bounded_number_is_in_flight() -> None:
    calls = Calls(held=True)
    batcher: Home = Batcher(calls, max_in_flight=2, patience=0.2, name="home")
    tasks = [asyncio.create_task(batcher(entry(1), timeout=30))]
    await settle()
    tasks += [asyncio.create_task(batcher(entry(limit), timeout=30)) for limit in (2, 3)]
    await eventually(lambda: len(calls.limits) == 2)
    tasks += [asyncio.create_task(batcher(entry(limit), timeout=30)) for limit in (4, 5)]
    await asyncio.sleep(0.3)
    assert calls.limits == [[1], [2, 3]]
    calls.go_on.set()
    await asyncio.gather(*tasks)
    assert calls.limits == [[1], [2, 3], [4, 5]]


async def test_a_full_batch_does_not_wait() -> None:
    calls = Calls(held=True)
    batcher: Home = Batcher(calls, max_entries=2, patience=60, name="home")
    tasks = [asyncio.create_task(batcher(entry(1), timeout=5))]
    await settle()
    tasks += [asyncio.create_task(batcher(entry(limit), timeout=5)) for limit in (2, 3)]
    await settle()
    assert calls.limits == [[1], [2, 3]]
    calls.go_on.set()
    await asyncio.gather(*tasks)


async def test_a_call_has_at_most_so_many_entries() -> None:
    calls = Calls()
    batcher: Home = Batcher(calls, max_entries=3, max_in_flight=1, name="home")
    await asyncio.gather(*(batcher(entry(limit), timeout=5) for limit in range(7)))
    assert [len(limits) for limits in calls.limits] == [3, 3, 1]


async def test_an_entry_whose_time_is_up_is_dropped_when_its_turn_comes() -> None:
    calls = Calls(held=True)
    batcher: Home = Batcher(calls, max_in_flight=1, name="home")
    first = asyncio.create_task(batcher(entry(1), timeout=5))
    await settle()
    late = asyncio.create_task(batcher(entry(2), timeout=0.01))
    third = asyncio.create_task(batcher(entry(3), timeout=5))
    with pytest.raises(DeadlineExceeded):
        await late
    calls.go_on.set()
    await asyncio.gather(first, third)
    assert calls.limits == [[1], [3]]


async def test_the_call_has_the_time_of_its_latest_entry() -> None:
    calls = Calls(held=True)
    batcher: Home = Batcher(calls, max_in_flight=1, name="home")
    tasks = [asyncio.create_task(batcher(entry(1), timeout=5))]
    await settle()
    tasks += [asyncio.create_task(batcher(entry(2), timeout=seconds)) for seconds in (3, 9, 4)]
    await settle()
    calls.go_on.set()
    await asyncio.gather(*tasks)
    assert 8.5 < calls.timeouts[1] <= 9


async def test_a_call_made_for_many_takes_nothing_from_the_one_that_started_it() -> None:
    seen: list[float | None] = []

    async def send(entries: list[BatchGetHomeEntry], timeout: float) -> Sequence[BatchGetHomeResult]:
        seen.append(remaining())
        return [BatchGetHomeResult() for _ in entries]

    batcher: Home = Batcher(send, name="home")
    with deadline(1.0):
        await batcher(entry(1), timeout=5)
    assert seen == [None]


async def test_each_entry_says_who_asks_and_how_much_time_it_has() -> None:
    seen: list[BatchGetHomeEntry] = []

    async def send(entries: list[BatchGetHomeEntry], timeout: float) -> Sequence[BatchGetHomeResult]:
        seen.extend(entries)
        return [BatchGetHomeResult() for _ in entries]

    batcher: Home = Batcher(send, name="home")
    with with_identity(Identity(account_id=1, session_id=1, app_id=1, token="t1")):
        await batcher(entry(1), timeout=5)
    assert seen[0].context.token == "t1"
    assert 4900 < seen[0].context.timeout_ms <= 5000


async def test_one_entry_that_fails_fails_alone() -> None:
    calls = Calls()
    calls.statuses[2] = [5]
    batcher: Home = Batcher(calls, name="home")
    answers = await asyncio.gather(*(batcher(entry(n), timeout=5) for n in (1, 2, 3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [BatchGetHomeResult, NotFound, BatchGetHomeResult]


async def test_only_the_entries_that_failed_are_retried() -> None:
    calls = Calls()
    calls.statuses[2] = [14]
    batcher: Home = Batcher(calls, max_in_flight=1, name="home")
    answers = await asyncio.gather(*(batcher(entry(n), timeout=5) for n in (1, 2, 3)))
    assert all(answer.more for answer in answers)
    assert calls.limits == [[1, 2, 3], [2]]


async def test_an_entry_is_tried_three_times_at_most() -> None:
    calls = Calls()
    calls.statuses[1] = [14] * 9
    batcher: Home = Batcher(calls, name="home")
    with pytest.raises(Unavailable):
        await batcher(entry(1), timeout=5)
    assert len(calls.limits) == 3


async def test_a_defect_of_the_call_reaches_every_caller_and_the_batcher_goes_on() -> None:
    answers: list[list[BatchGetHomeResult]] = [[], [BatchGetHomeResult(more=True)]]

    async def send(entries: list[BatchGetHomeEntry], timeout: float) -> Sequence[BatchGetHomeResult]:
        return answers.pop(0)

    batcher: Home = Batcher(send, name="home")
    with pytest.raises(ValueError, match="0 of 1"):
        await batcher(entry(1), timeout=5)
    assert (await batcher(entry(1), timeout=5)).more


async def handle_all(live: Sequence[tuple[int, BatchGetHomeEntry, Identity | None]]) -> list[Any]:
    return [
        NotFound("None such.") if item.limit == 13 else BatchGetHomeResult(more=identity is not None)
        for _, item, identity in live
    ]


def batched(client: RpcClient) -> Home:
    async def send(entries: list[BatchGetHomeEntry], timeout: float) -> Sequence[BatchGetHomeResult]:
        response = await client.call("BatchGetHome", BatchGetHomeRequest(entries=entries), timeout=timeout)
        results: Sequence[BatchGetHomeResult] = response.results
        return results

    return Batcher(send, max_in_flight=1, name="home")


def home_of(tokens: Tokens, handle: Any = handle_all) -> Any:
    async def batch_get_home(request: BatchGetHomeRequest, context: Any) -> BatchGetHomeResponse:
        results = await serve_batch(request.entries, tokens.verifier, handle, BatchGetHomeResult)
        return BatchGetHomeResponse(results=results)

    return batch_get_home


async def test_an_entry_with_a_bad_token_is_refused_while_the_others_are_answered(network: Any, tokens: Tokens) -> None:
    batcher = batched(await network.pair(BatchGetHome=home_of(tokens)))
    forged = Identity(account_id=3, session_id=1, app_id=1, token="a.b.c")
    answers = await asyncio.gather(
        batcher(entry(1), timeout=5, identity=tokens.identity(1)),
        batcher(entry(2), timeout=5, identity=forged),
        batcher(entry(13), timeout=5, identity=tokens.identity(2)),
        batcher(entry(4), timeout=5, identity=None),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [BatchGetHomeResult, Unauthenticated, NotFound, BatchGetHomeResult]
    assert isinstance(answers[0], BatchGetHomeResult)
    assert answers[0].more


async def test_the_handler_is_given_all_entries_at_once(network: Any, tokens: Tokens) -> None:
    sizes: list[int] = []

    async def handle(live: Sequence[Any]) -> list[Any]:
        sizes.append(len(live))
        return await handle_all(live)

    batcher = batched(await network.pair(BatchGetHome=home_of(tokens, handle)))
    await asyncio.gather(*(batcher(entry(n), timeout=5) for n in range(5)))
    assert sizes == [5]


async def test_what_the_handler_raises_is_the_status_of_all_it_was_given(network: Any, tokens: Tokens) -> None:
    async def handle(live: Sequence[Any]) -> list[Any]:
        raise InvalidArgument("No.")

    batcher = batched(await network.pair(BatchGetHome=home_of(tokens, handle)))
    answers = await asyncio.gather(*(batcher(entry(n), timeout=5) for n in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [InvalidArgument] * 3


async def test_the_server_works_no_entry_whose_time_is_up(tokens: Tokens) -> None:
    worked: list[int] = []

    async def handle(live: Sequence[Any]) -> list[Any]:
        worked.extend(item.limit for _, item, _ in live)
        return await handle_all(live)

    entries = [entry(1), entry(2)]
    entries[0].context.timeout_ms = 100
    results = await serve_batch(entries, tokens.verifier, handle, BatchGetHomeResult)
    assert worked == [1]
    assert results[1].status.code == 4


async def test_too_many_entries_are_refused(tokens: Tokens) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await serve_batch([entry(1)] * 65, tokens.verifier, handle_all, BatchGetHomeResult)
    assert caught.value.fields[0].field == "entries"


async def test_an_entry_that_failed_further_on_is_not_sent_again(network: Any, tokens: Tokens) -> None:
    tries = 0

    async def away(request: Any, context: Any) -> None:
        raise Unavailable("Away.")

    far = await network.pair(AddOwnPost=away)

    async def handle(live: Sequence[Any]) -> list[AppError]:
        nonlocal tries
        tries += 1
        try:
            await far.call("AddOwnPost", BatchGetHomeRequest(), timeout=5, idempotent=True)
        except Unavailable as error:
            return [error] * len(live)
        raise AssertionError

    batcher = batched(await network.pair(BatchGetHome=home_of(tokens, handle)))
    with pytest.raises(Unavailable):
        await batcher(entry(1), timeout=5)
    assert tries == 1


class TestTogether:
    async def test_each_has_its_own_result_in_order_beside_those_of_others(self) -> None:
        calls = Calls(held=True)
        calls.statuses = {3: [5], 4: [14]}
        batcher: Home = Batcher(calls, max_in_flight=1, name="home")
        first = asyncio.create_task(batcher(entry(1), timeout=5))
        await settle()
        many = asyncio.create_task(batcher.together([entry(n) for n in (2, 3, 4)], timeout=5))
        other = asyncio.create_task(batcher(entry(5), timeout=5))
        await settle()
        calls.go_on.set()
        assert [type(result) for result in await many] == [BatchGetHomeResult, NotFound, BatchGetHomeResult]
        await asyncio.gather(first, other)
        assert calls.limits == [[1], [2, 3, 4, 5], [4]], "only what failed is tried again"

    async def test_none_are_no_call(self) -> None:
        calls = Calls()
        assert await Batcher(calls, name="home").together([], timeout=5) == []
        assert calls.limits == []

    async def test_more_than_a_call_has_go_in_several(self) -> None:
        calls = Calls()
        batcher: Home = Batcher(calls, max_entries=3, name="home")
        results = await batcher.together([entry(n) for n in range(7)], timeout=5)
        assert len(results) == 7
        assert sorted(limit for limits in calls.limits for limit in limits) == list(range(7))

    async def test_a_call_that_fails_is_told_to_each(self) -> None:
        async def send(_entries: list[BatchGetHomeEntry], timeout: float) -> Sequence[BatchGetHomeResult]:
            raise InvalidArgument("no")

        batcher: Home = Batcher(send, name="home")
        results = await batcher.together([entry(1), entry(2)], timeout=5)
        assert [type(result) for result in results] == [InvalidArgument, InvalidArgument]
        assert results[0] is not results[1]

    async def test_what_has_not_come_in_time_is_late_and_asked_no_more(self) -> None:
        calls = Calls(held=True)
        batcher: Home = Batcher(calls, max_in_flight=1, name="home")
        first = asyncio.create_task(batcher(entry(1), timeout=5))
        await settle()
        results = await batcher.together([entry(2), entry(3)], timeout=0.01)
        assert [type(result) for result in results] == [DeadlineExceeded, DeadlineExceeded]
        calls.go_on.set()
        await first
        await settle()
        assert calls.limits == [[1]]

    async def test_those_of_who_goes_away_are_not_asked(self) -> None:
        calls = Calls(held=True)
        batcher: Home = Batcher(calls, max_in_flight=1, name="home")
        first = asyncio.create_task(batcher(entry(1), timeout=5))
        await settle()
        many = asyncio.create_task(batcher.together([entry(2), entry(3)], timeout=5))
        await settle()
        many.cancel()
        await settle()
        calls.go_on.set()
        await first
        await settle()
        assert calls.limits == [[1]]
