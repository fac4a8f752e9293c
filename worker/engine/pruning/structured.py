"""Granularities between a weight and a unit: blocks, and n of every m.

Both turn scores of weights into scores of patches, so that one selection serves them all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from worker.engine.arrays import Arrays
from worker.engine.pruning.selection import Selection, count


def as_matrix(array: np.ndarray) -> np.ndarray:
    """A kernel as (everything that feeds, units): the last axis holds the units."""
    return array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(-1, 1)


def prune_blocks(
    scores: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    fractions: Mapping[str, float],
    shape: tuple[int, int],
) -> Selection:
    """Remove whole blocks of `shape` (rows, columns): `floor(p * living blocks)` of each layer.

    A block at the edge is smaller and is judged by its mean score.
    """
    new = {key: mask.copy() for key, mask in masks.items()}
    spared: list[str] = []
    for key, fraction in fractions.items():
        ids, blocks = _block_ids(as_matrix(new[key]).shape, shape)
        alive = as_matrix(new[key])
        living = np.bincount(ids.reshape(-1), weights=alive.reshape(-1), minlength=blocks)
        total = np.bincount(
            ids.reshape(-1), weights=(as_matrix(scores[key]) * alive).reshape(-1), minlength=blocks
        )
        candidates = np.flatnonzero(living > 0)
        quota = count(fraction, candidates.size)
        if quota >= candidates.size > 0:
            quota, spared = candidates.size - 1, [*spared, key]
        mean = total[candidates] / living[candidates]
        gone = candidates[np.argsort(mean, kind="stable")[:quota]]
        new[key] = (alive & ~np.isin(ids, gone)).reshape(new[key].shape)
    return Selection(new, tuple(spared))


def _block_ids(matrix: tuple[int, ...], shape: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The block that each entry of a matrix lies in, and how many blocks there are."""
    rows, columns = matrix
    across = math.ceil(columns / shape[1])
    down = math.ceil(rows / shape[0])
    ids = (np.arange(rows)[:, None] // shape[0]) * across + np.arange(columns)[None] // shape[1]
    return ids, down * across


def prune_n_of_m(
    scores: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray], n: int, m: int
) -> Arrays:
    """Keep the n best of every m consecutive inputs of a unit (hardware sparsity, 2:4).

    A last group shorter than m keeps `ceil(n * length / m)`.
    """
    return {key: _n_of_m(scores[key], mask, n, m) for key, mask in masks.items()}


def _n_of_m(scores: np.ndarray, mask: np.ndarray, n: int, m: int) -> np.ndarray:
    ranked = np.where(as_matrix(mask), as_matrix(scores), -np.inf)
    keep = np.zeros(ranked.shape, dtype=bool)
    for start in range(0, ranked.shape[0], m):
        part = ranked[start : start + m]
        best = math.ceil(n * part.shape[0] / m)
        rows = np.argsort(-part, axis=0, kind="stable")[:best]
        np.put_along_axis(keep[start : start + m], rows, True, axis=0)
    return (keep & as_matrix(mask)).reshape(mask.shape)
