"""`python bench/ranking.py`: For you on made-up populations, as a table and as docs/for-you.svg."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from rookery_bench.plot import bars
from rookery_bench.ranking import ORDERS, POPULATIONS, Score, evaluate

PLOT = Path(__file__).parent.parent / "docs" / "for-you.svg"


def main() -> None:
    """Prints a row for each population, and draws them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, default=PLOT)
    asked = parser.parse_args()
    found = {name: evaluate(name, asked.readers, asked.seed) for name in POPULATIONS}
    print(table(found))
    title = f"NDCG@20 of the first page, {asked.readers} readers each"
    asked.plot.write_text(bars(title, ORDERS, {name: _pairs(scores) for name, scores in found.items()}))


def table(found: Mapping[str, Mapping[str, Score]]) -> str:
    """Populations by orders, for a page of docs."""
    lines = ["| what people like | " + " | ".join(ORDERS) + " |", "|---" * (len(ORDERS) + 1) + "|"]
    for name, scores in found.items():
        cells = (f"{scores[order].mean:.3f} ± {scores[order].margin:.3f}" for order in ORDERS)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _pairs(scores: Mapping[str, Score]) -> list[tuple[float, float]]:
    return [(scores[order].mean, scores[order].margin) for order in ORDERS]


if __name__ == "__main__":
    main()
