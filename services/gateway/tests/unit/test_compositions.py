"""What many ask for at once: made once, in turn, for whoever still waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from gateway_service import compositions as module
from gateway_service.compositions import Compositions
from rookery_common.errors import Unavailable
from rookery_common.testing.waiting import eventually


@dataclass(frozen=True)
class Item:
    """Equal items are not the same: two events may say the same words."""

    number: int


class Composing:
    """Answers when it is let; notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.let = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self, items: Sequence[Item]) -> dict[int, bytes]:
        self.asked.append([item.number for item in items])
        await self.let.wait()
        if self.failure is not None:
            raise self.failure
        return {item.number: b"%d" % item.number for item in items}


@pytest.fixture
async def composing() -> Composing:
    return Composing()


async def test_what_waits_for_the_same_group_goes_in_its_next_turn(composing: Composing) -> None:
    compositions, items = Compositions(), [Item(number) for number in range(5)]
    asking = [asyncio.create_task(compositions.of("group", items[: each + 1], composing)) for each in range(5)]
    await eventually(lambda: bool(composing.asked))
    composing.let.set()
    assert [sorted(set(found) & set(range(each + 1))) for each, found in enumerate(await asyncio.gather(*asking))] == [
        list(range(each + 1)) for each in range(5)
    ]
    assert sorted(number for asked in composing.asked for number in asked) == list(range(5))
    assert len(composing.asked) <= 2


async def test_an_equal_item_is_another_event(composing: Composing) -> None:
    composing.let.set()
    compositions, first, again = Compositions(), Item(1), Item(1)
    await compositions.of("group", [first], composing)
    await compositions.of("group", [first], composing)
    assert composing.asked == [[1]]
    await compositions.of("group", [again], composing)
    assert composing.asked == [[1], [1]]


async def test_only_so_many_groups_are_composed_at_once(composing: Composing) -> None:
    compositions = Compositions(at_once=2)
    asking = [asyncio.create_task(compositions.of(group, [Item(group)], composing)) for group in range(5)]
    await eventually(lambda: len(composing.asked) == 2)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(composing.asked) == 2
    composing.let.set()
    assert [found[group] for group, found in enumerate(await asyncio.gather(*asking))] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_failure_is_everybodys_who_waits_and_is_not_remembered(composing: Composing) -> None:
    compositions, item = Compositions(), Item(1)
    composing.let.set()
    composing.failure = Unavailable("Restarting.")
    asking = [compositions.of("group", [item], composing) for _ in range(3)]
    failed = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in failed] == [Unavailable] * 3
    composing.failure = None
    assert await compositions.of("group", [item], composing) == {1: b"1"}


async def test_who_leaves_takes_nothing_from_the_others(composing: Composing) -> None:
    compositions, item = Compositions(), Item(1)
    first, second = (asyncio.create_task(compositions.of("group", [item], composing)) for _ in range(2))
    await eventually(lambda: bool(composing.asked))
    first.cancel()
    composing.let.set()
    assert await second == {1: b"1"}
    assert composing.asked == [[1]]


async def test_nothing_is_kept_of_what_was_made_a_while_ago(
    composing: Composing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED_SECONDS", 0.0)
    composing.let.set()
    compositions = Compositions()
    await compositions.of("group", [Item(1)], composing)
    await eventually(lambda: not compositions._groups)


async def test_what_is_asked_for_before_it_has_begun_is_read_once() -> None:
    compositions, let, begun, reads = Compositions(at_once=1), asyncio.Event(), asyncio.Event(), list[int]()

    async def busy() -> None:
        begun.set()
        await let.wait()

    async def read() -> int:
        reads.append(len(reads))
        return reads[-1]

    holding = asyncio.create_task(compositions.read("another", busy))
    await begun.wait()
    asking = [asyncio.create_task(compositions.read("page", read)) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    let.set()
    assert await asyncio.gather(*asking[1:]) == [0, 0, 0, 0]
    assert await compositions.read("page", read) == 1
    await holding
