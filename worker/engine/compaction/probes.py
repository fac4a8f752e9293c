"""What a certificate looks at: the user's examples, and inputs that find what those do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from worker.engine.loading.summary import input_names

FREE_DIMENSION = 32
_RANDOM, _SCALED, _SINGLE = 8, 4, 3
_SCALE = 10.0


def inputs_for(
    model: keras.Model, given: Mapping[str, np.ndarray], examples: int, seed: int
) -> tuple[int, list[np.ndarray]]:
    """How many of the user's examples come first, and all probes, flat in `model.inputs` order.

    After the user's examples: random ones of the same mean and spread, scaled ones, zeros, and
    ones where a single value is not zero.
    """
    rng = np.random.default_rng(seed)
    count = min((len(value) for value in given.values()), default=0)
    chosen = np.sort(rng.permutation(count)[:examples])
    own = [np.asarray(given[name])[chosen] for name in input_names(model)] if count else None
    extra = [
        _extra(tensor, None if own is None else own[k], rng)
        for k, tensor in enumerate(model.inputs)
    ]
    if own is None:
        return 0, extra
    return len(chosen), [
        np.concatenate([mine.astype(more.dtype, copy=False), more])
        for mine, more in zip(own, extra, strict=True)
    ]


def one_of_each(own: int) -> list[int]:
    """Rows of a random, a scaled, a zero and a single-value probe behind `own` examples."""
    return [own, own + _RANDOM, own + _RANDOM + _SCALED, own + _RANDOM + _SCALED + 1]


def _extra(tensor: Any, own: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    total = _RANDOM + _SCALED + 1 + _SINGLE
    if own is None:
        shape = tuple(size or FREE_DIMENSION for size in tensor.shape[1:])
    else:
        shape = own.shape[1:]
    found = np.zeros((total, *shape), np.float64 if "float" in tensor.dtype else tensor.dtype)
    if "float" not in tensor.dtype:
        # Indices, flags: only values that were seen are known to be valid.
        seen = np.unique(own)[:10_000] if own is not None and own.size else np.array([0, 1])
        found[: _RANDOM + _SCALED] = rng.choice(seen, (_RANDOM + _SCALED, *shape))
        return found
    mean = float(np.mean(own)) if own is not None else 0.0
    spread = float(np.std(own)) if own is not None else 1.0
    # Values that float32 holds, so that both precisions see the same input.
    normal = rng.standard_normal((_RANDOM + _SCALED, *shape)).astype(np.float32)
    found[: _RANDOM + _SCALED] = np.float32(mean) + np.float32(spread or 1.0) * normal
    found[_RANDOM : _RANDOM + _SCALED] *= _SCALE
    for k in range(_SINGLE):
        flat = found[_RANDOM + _SCALED + 1 + k].reshape(-1)
        flat[rng.integers(flat.size)] = spread or 1.0
    return found
