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
    parts: dict[str, list[np.ndarray]] = {"train": [], **{name: [] for name in fractions}}
    for group in groups:
        shuffled = generator.permutation(group)
        at = 0
        for name, fraction in fractions.items():
            wanted = max(1, round(fraction * len(group)))
            size = min(wanted, max(0, len(group) - at - 1))
            parts[name].append(shuffled[at : at + size])
            at += size
        parts["train"].append(shuffled[at:])
    return {name: np.sort(np.concatenate(chosen)) for name, chosen in parts.items()}


def alone(strata: np.ndarray | None) -> int:
    """How many classes have too few examples to be in every split."""
    if strata is None:
        return 0
    return int(np.sum(np.unique(strata, return_counts=True)[1] < 3))
