from __future__ import annotations

from analytics_service import distinct


def test_few_accounts_are_counted_exactly_and_once() -> None:
    members = b""
    for start in range(0, 1000, 100):
        members = distinct.add(members, [*range(start, start + 100), 1, 2, 3])
    assert distinct.estimate(members) == 1000
    assert distinct.add(members, range(1000)) == members


def test_many_accounts_are_estimated_in_bounded_space() -> None:
    members = b""
    for start in range(0, 100_000, 10_000):
        members = distinct.add(members, range(start, start + 10_000))
    assert len(members) == distinct.CAPACITY * 8
    assert 90_000 < distinct.estimate(members) < 110_000


def test_the_union_is_what_one_sketch_of_all_would_be() -> None:
    parts = [distinct.add(b"", range(start, start + 3_000)) for start in range(0, 20_000, 2_000)]
    assert distinct.union(parts) == distinct.add(b"", range(21_000))
    assert distinct.union([]) == b""
    assert distinct.estimate(b"") == 0
