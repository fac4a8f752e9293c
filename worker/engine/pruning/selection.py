"""Which weights go: `floor(p * alive)` of a scope, lowest scores first, ties broken by index."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from worker.engine.arrays import Arrays


@dataclass(frozen=True)
class Selection:
    """New masks, and the layers that would have collapsed and were spared."""

    masks: Arrays
    spared: tuple[str, ...]


def count(fraction: float, alive: int) -> int:
    """`floor(fraction * alive)`, safe from 0.3 * 10 == 3.0000000000000004 and its likes."""
    return math.floor(round(fraction * alive, 9))


def prune_weights(
    scores: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    pools: Sequence[tuple[Sequence[str], float]],
    *,
    minimum_kept: float = 0.0,
) -> Selection:
    """Remove from every pool its share of what is alive there.

    Args:
        scores: one array per key, shape of the weight; higher is more important.
        masks: True where a weight is alive.
        pools: (keys, fraction) pairs; a pool of several keys is ranked as one ("global").
        minimum_kept: share of each key's weights (of all, not of the alive) that always stays;
            at least one weight always stays, so no layer collapses.
    """
    new = {key: mask.copy() for key, mask in masks.items()}
    spared: list[str] = []
    for keys, fraction in pools:
        spared += _prune_pool(scores, new, list(keys), fraction, minimum_kept)
    return Selection(new, tuple(spared))


def _prune_pool(
    scores: Mapping[str, np.ndarray],
    masks: Arrays,
    keys: list[str],
    fraction: float,
    minimum_kept: float,
) -> list[str]:
    quota = count(fraction, sum(int(masks[key].sum()) for key in keys))
    floors = {key: max(1, math.ceil(minimum_kept * masks[key].size)) for key in keys}
    room = {key: max(0, int(masks[key].sum()) - floors[key]) for key in keys}
    owner, position, value = _alive(scores, masks, keys)
    order = np.argsort(value, kind="stable")
    chosen, spared = _within_room(owner[order], quota, [room[key] for key in keys])
    gone = order[chosen]
    for number, key in enumerate(keys):
        masks[key].reshape(-1)[position[gone[owner[gone] == number]]] = False
    return [keys[number] for number in spared]


def _alive(
    scores: Mapping[str, np.ndarray], masks: Arrays, keys: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Owner, flat position and score of every living weight of the pool, in index order."""
    positions = [np.flatnonzero(masks[key]) for key in keys]
    owner = np.concatenate([np.full(p.size, n) for n, p in enumerate(positions)])
    values = [
        np.asarray(scores[key]).reshape(-1)[p] for key, p in zip(keys, positions, strict=True)
    ]
    return owner, np.concatenate(positions), np.concatenate(values)


def _within_room(owner: np.ndarray, quota: int, room: list[int]) -> tuple[np.ndarray, list[int]]:
    """Take the first `quota` of a ranked list, never more of one owner than its room.

    What one owner cannot give is taken from the next in rank of the others.
    """
    rank_in_owner = np.zeros(owner.size, dtype=np.int64)
    for number in range(len(room)):
        own = owner == number
        rank_in_owner[own] = np.arange(int(own.sum()))
    allowed = rank_in_owner < np.asarray(room, dtype=np.int64)[owner]
    chosen = np.flatnonzero(allowed)[:quota]
    wanted = np.bincount(owner[:quota], minlength=len(room))
    return chosen, [n for n, most in enumerate(room) if wanted[n] > most]


def random_like(masks: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """A random mask of the same density per layer: the control of the paper."""
    generator = np.random.default_rng(seed)
    return {
        key: generator.permutation(mask.reshape(-1)).reshape(mask.shape)
        for key, mask in sorted(masks.items())
    }


def below_threshold(
    values: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray], threshold: float
) -> Selection:
    """Remove every living weight with |w| <= threshold, all but one of each layer at most."""
    new: dict[str, np.ndarray] = {}
    spared: list[str] = []
    for key, mask in masks.items():
        magnitude = np.abs(values[key])
        keep = mask & (magnitude > threshold)
        if not keep.any() and mask.any():
            keep.reshape(-1)[int(np.argmax(np.where(mask, magnitude, -1.0)))] = True
            spared.append(key)
        new[key] = keep
    return Selection(new, tuple(spared))
