from __future__ import annotations

import pytest
from rookery_bench.plot import bars
from rookery_bench.ranking import ORDERS, evaluate, ndcg

READERS = 40


@pytest.mark.parametrize("population", ["subjects", "closeness"])
def test_for_you_finds_what_people_like_where_they_differ(population: str) -> None:
    scores = evaluate(population, READERS, seed=1)
    found = scores["for you"]
    for order in ("chronological", "popular"):
        assert found.mean - found.margin > scores[order].mean + scores[order].margin


def test_for_you_wins_nothing_where_there_is_nothing_to_find() -> None:
    scores = evaluate("null", READERS, seed=1)
    for order in ("chronological", "popular"):
        assert scores["for you"].mean - scores["for you"].margin < scores[order].mean + scores[order].margin


def test_the_same_people_are_made_up_again() -> None:
    assert evaluate("quality", 5, seed=3) == evaluate("quality", 5, seed=3)


def test_the_best_order_counts_one_and_every_other_less() -> None:
    assert ndcg([3.0, 2.0, 1.0, 0.0]) == 1
    assert ndcg([0.0, 1.0, 2.0, 3.0]) < ndcg([3.0, 0.0, 2.0, 1.0]) < 1
    assert ndcg([1.0, 1.0]) == 1


def test_a_plot_has_a_bar_for_each_value() -> None:
    picture = bars("A < B", ORDERS, {"one": [(0.5, 0.1)] * 3, "two": [(0.2, 0.0)] * 3})
    assert picture.count("<path") == 6 + 6
    assert "A &lt; B" in picture
