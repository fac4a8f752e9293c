"""Thousands of random graphs, cut by units and by weights: how many shrink, and that none is wrong.

    python -m benchmarks.random_graphs [--examples 5000] [--seed 0]

A wrong answer stops it with the smallest network that shows it. A refusal counts as right, and is
counted.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections import Counter
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.engine import random_graphs

OUTCOMES = ("smaller", "nothing to remove", "not proven", "refused")


def run(
    cut: Callable[..., str], examples: int, shares: tuple[float, float], start: int
) -> Counter[str]:
    """Outcomes of that many examples."""
    found: Counter[str] = Counter()

    @seed(start)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(st.data(), st.integers(0, 2**16), st.floats(*shares))
    def each(data: st.DataObject, number: int, share: float) -> None:
        found[cut(data.draw, number, share)] += 1

    each()
    return found


def main() -> None:
    """Print the table."""
    # Grouped convolutions are traced anew for each shape on a CPU, and TensorFlow says so.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    given_arguments = parser.parse_args()
    half = given_arguments.examples // 2
    print(f"{'cut':<10}{'graphs':>8}{''.join(f'{name:>20}' for name in OUTCOMES)}{'seconds':>10}")
    for name, cut, count, shares in (
        ("units", random_graphs.cut_units, given_arguments.examples - half, (0.2, 0.9)),
        ("weights", random_graphs.cut_weights, half, (0.02, 0.6)),
    ):
        start = time.perf_counter()
        found = run(cut, count, shares, given_arguments.seed)
        cells = "".join(f"{found[outcome]:>20}" for outcome in OUTCOMES)
        print(f"{name:<10}{found.total():>8}{cells}{time.perf_counter() - start:>10.0f}")
    print("wrong answers: 0")


if __name__ == "__main__":
    main()
