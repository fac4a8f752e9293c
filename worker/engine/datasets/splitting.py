"""Drawing the splits that a dataset does not bring, by its seed, stratified by class."""

from __future__ import annotations

import numpy as np


def draw(
    count: int, fractions: dict[str, float], seed: int, strata: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Return ascending indices for `train` and for every split named in `fractions`.

    With classes, every split gets its share of each class and at least one example of it, as long
    as one is left for training.
    """
    generator = np.random.default_rng(seed)
    groups = (
        [np.arange(count)]
        if strata is None
        else [np.flatnonzero(strata == value) for value in np.unique(strata)]
    )
    sizes = np.array([len(group) for group in groups])
    left = sizes - 1  # one example of each class is always trained on
    wanted = {}
    for name, fraction in fractions.items():
        wanted[name] = np.minimum(_shares(fraction, sizes), left)
        left = left - wanted[name]
    parts: dict[str, list[np.ndarray]] = {"train": [], **{name: [] for name in fractions}}
    for index, group in enumerate(groups):
        shuffled = generator.permutation(group)
        at = 0
        for name, shares in wanted.items():
            parts[name].append(shuffled[at : at + shares[index]])
            at += shares[index]
        parts["train"].append(shuffled[at:])
    return {name: np.sort(np.concatenate(chosen)) for name, chosen in parts.items()}


def _shares(fraction: float, sizes: np.ndarray) -> np.ndarray:
    """How many of each class: the fraction of all exactly, by largest remainders; at least one."""
    exact = fraction * sizes
    shares = np.floor(exact).astype(int)
    missing = round(float(exact.sum())) - int(shares.sum())
    shares[np.argsort(shares - exact, kind="stable")[:missing]] += 1
    return np.maximum(shares, 1)


def alone(strata: np.ndarray | None) -> int:
    """How many classes have too few examples to be in every split."""
    if strata is None:
        return 0
    return int(np.sum(np.unique(strata, return_counts=True)[1] < 3))
