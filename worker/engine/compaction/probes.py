"""What a certificate looks at: the user's examples, and inputs that find what those do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from worker.engine.calling import input_names
from worker.engine.profiling import flops

FREE_DIMENSION = 32
_SCALE = 10.0
# Operations of the masked model that a proof may cost in each precision.
BUDGET_FLOPS = 2e11
_LEAST = 8


@dataclass(frozen=True)
class Plan:
    """How many probes there are of each kind; one of zeros comes on top."""

    examples: int
    random: int = 8
    scaled: int = 4
    single: int = 3

    @property
    def extra(self) -> int:
        return self.random + self.scaled + 1 + self.single

    def one_of_each(self, own: int) -> list[int]:
        """Rows of a random, a scaled, a zero and a single-value probe behind `own` examples."""
        return [own, own + self.random, own + self.random + self.scaled, own + self.extra - 1]


def plan(model: keras.Model, examples: int) -> Plan:
    """Fewer probes where one costs much."""
    affordable = int(BUDGET_FLOPS // max(flops(model) or 0, 1))
    full = Plan(examples)
    if affordable >= examples + full.extra:
        return full
    few = Plan(0, random=2, scaled=1, single=1)
    return replace(few, examples=min(examples, max(affordable, _LEAST) - few.extra))


def inputs_for(
    model: keras.Model,
    given: Mapping[str, np.ndarray],
    wanted: Plan,
    seed: int,
    *,
    free: int = FREE_DIMENSION,
) -> tuple[int, list[np.ndarray]]:
    """How many of the user's examples come first, and all probes, flat in `model.inputs` order.

    After the user's examples: random ones of the same mean and spread, scaled ones, zeros, and
    ones where a single value is not zero. Without examples, free dimensions are `free` long.
    """
    rng = np.random.default_rng(seed)
    count = min((len(value) for value in given.values()), default=0)
    chosen = np.sort(rng.permutation(count)[: wanted.examples])
    own = [np.asarray(given[name])[chosen] for name in input_names(model)] if count else None
    extra = [
        _extra(tensor, None if own is None else own[k], rng, wanted, free)
        for k, tensor in enumerate(model.inputs)
    ]
    if own is None:
        return 0, extra
    return len(chosen), [
        np.concatenate([mine.astype(more.dtype, copy=False), more])
        for mine, more in zip(own, extra, strict=True)
    ]


def _extra(
    tensor: Any, own: np.ndarray | None, rng: np.random.Generator, wanted: Plan, free: int
) -> np.ndarray:
    total, drawn = wanted.extra, wanted.random + wanted.scaled
    shape = tuple(size or free for size in tensor.shape[1:]) if own is None else own.shape[1:]
    found = np.zeros((total, *shape), np.float64 if "float" in tensor.dtype else tensor.dtype)
    if "float" not in tensor.dtype:
        # Indices, flags: only values that were seen are known to be valid.
        seen = np.unique(own)[:10_000] if own is not None and own.size else np.array([0, 1])
        found[:drawn] = rng.choice(seen, (drawn, *shape))
        return found
    mean = float(np.mean(own)) if own is not None else 0.0
    spread = float(np.std(own)) if own is not None else 1.0
    # Values that float32 holds, so that both precisions see the same input.
    normal = rng.standard_normal((drawn, *shape)).astype(np.float32)
    found[:drawn] = np.float32(mean) + np.float32(spread or 1.0) * normal
    found[wanted.random : drawn] *= _SCALE
    for k in range(wanted.single):
        flat = found[drawn + 1 + k].reshape(-1)
        flat[rng.integers(flat.size)] = spread or 1.0
    return found
