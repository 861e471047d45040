"""The bounded map of fragments."""

from __future__ import annotations

from gateway_service.cache import LOOKS_OF_A_USE, Lru


def test_the_least_recently_used_go_first() -> None:
    lru: Lru[str] = Lru(2, "post")
    lru.put(1, "a")
    lru.put(2, "b")
    assert lru.get(1) == "a"
    lru.put(3, "c")
    assert (lru.get(1), lru.get(2), lru.get(3)) == ("a", None, "c")
    assert len(lru) == 2


def test_peeking_is_no_use() -> None:
    lru: Lru[str] = Lru(2, "post")
    lru.put(1, "a")
    lru.put(2, "b")
    assert lru.peek(1) == "a"
    lru.put(3, "c")
    assert lru.peek(1) is None


def test_what_is_dropped_is_gone() -> None:
    lru: Lru[str] = Lru(2, "post")
    lru.put(1, "a")
    lru.drop(1)
    lru.drop(9)
    assert lru.get(1) is None


def test_looking_at_many_counts_as_a_use_once_in_a_while() -> None:
    lru: Lru[str] = Lru(2, "post")
    lru.put(1, "a")
    lru.put(2, "b")
    for _ in range(LOOKS_OF_A_USE):
        assert lru.many([1, 9]) == {1: "a", 9: None}
    lru.put(3, "c")
    assert lru.many([1, 2, 3]) == {1: "a", 2: None, 3: "c"}
