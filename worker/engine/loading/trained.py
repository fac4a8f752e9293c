"""Is an upload trained already, and under which scaling of its inputs?

Scaling often stands outside the model: a net that expects -1..1 scores at chance when it is fed
0..255. So "near chance" means untrained only once the usual scalings have been tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from prunery.specs.report import Interval
from worker.engine.datasets import Dataset, Split
from worker.engine.datasets.scale import FAMILIES, USUAL
from worker.engine.datasets.scaling import pictures, with_scale

# A net straight from its initializer is often a little better than a constant answer, and with
# enough examples that is beyond doubt: a trained one has come this share of the way to perfect.
HEADWAY = 0.1
MOST_EXAMPLES = 5_000

Evaluate = Callable[[Split, Dataset], Interval]


@dataclass(frozen=True)
class Try:
    """The metric on training labels under one scaling, and what a constant answer scores there."""

    scale: str
    metric: Interval
    baseline: float


@dataclass(frozen=True)
class Detection:
    """`scale` is the best one where the net is trained, else None; `why` is one sentence."""

    trained: bool
    scale: str | None
    tries: tuple[Try, ...]
    why: str


def candidates(dataset: Dataset) -> tuple[str, ...]:
    """The scalings worth trying: all for pixels and numbers within -1..1, else none.

    For pictures in three colours those of the model families, too.
    """
    bounded = all(low >= -1 and high <= 1 for low, high in dataset.ranges.values())
    if not (dataset.pixels or bounded):
        return USUAL[:1]
    of_families = bool(pictures(dataset)) and not dataset.is_autoencoder
    return USUAL + FAMILIES if of_families else USUAL


def detect(
    evaluate: Evaluate,
    dataset: Dataset,
    *,
    baseline: Callable[[Split], float],
    higher_is_better: bool = True,
    steps: int = 0,
    scales: tuple[str, ...] | None = None,
    usual: str = "none",
    seed: int = 0,
) -> Detection:
    """Try the usual scalings on training examples.

    `evaluate(split, dataset)` measures the metric of the net on a split under `dataset.scale`;
    `baseline(split)` is what a constant answer scores on its labels (which, for an autoencoder,
    are scaled too); `steps` is how many steps the file's optimizer has made, 0 where unknown: with
    any, clearing the baseline is enough. `scales`: only these. `usual` is the scaling that is meant
    where several do equally well.
    """
    sample = _sample(dataset, seed)
    tries = []
    for name in scales or candidates(dataset):
        scaled = with_scale(sample, name)
        tries.append(Try(name, evaluate(scaled.train, scaled), baseline(scaled.train)))
    best = _best(tries, usual, higher_is_better)
    words = f"It scores {best.metric.value:.4g} with scaling {best.scale}, "
    if _clears(best, higher_is_better, 0.0 if steps else HEADWAY):
        why = f"{words}a constant answer {best.baseline:.4g}."
        return Detection(True, best.scale, tuple(tries), why)
    why = (
        f"{words}hardly better than a constant answer ({best.baseline:.4g}), and no scaling helps."
    )
    return Detection(False, None, tuple(tries), why)


def _best(tries: list[Try], usual: str, higher_is_better: bool) -> Try:
    """The try furthest beyond its baseline; the usual one where it does equally well.

    Nets of ReLU hardly change their answer with the scale of their input, only how they train.
    """

    def beyond(value: float, baseline: float) -> float:
        return value - baseline if higher_is_better else -value / max(baseline, 1e-12)

    best = max(tries, key=lambda one: beyond(one.metric.value, one.baseline))
    worst = best.metric.low if higher_is_better else best.metric.high
    enough = beyond(worst, best.baseline)
    equal = [one for one in tries if beyond(one.metric.value, one.baseline) >= enough]
    return next((one for one in equal if one.scale == usual), best)


def _clears(tried: Try, higher_is_better: bool, headway: float) -> bool:
    """Tell whether the whole interval lies beyond the baseline, and the value well beyond."""
    metric, baseline = tried.metric, tried.baseline
    if not all(np.isfinite([metric.value, metric.low, metric.high, baseline])):
        return False
    if higher_is_better:
        room = max(0.0, 1.0 - baseline)
        return metric.low > baseline and metric.value > baseline + headway * room
    return metric.high < baseline and metric.value < baseline * (1.0 - headway)


def _sample(dataset: Dataset, seed: int) -> Dataset:
    """The dataset with a bounded number of training examples, and no other."""
    count = len(dataset.train)
    if count <= MOST_EXAMPLES:
        chosen = np.arange(count)
    else:
        generator = np.random.default_rng(seed)
        chosen = np.sort(generator.choice(count, MOST_EXAMPLES, replace=False))
    return replace(
        dataset,
        train=dataset.train.take(chosen),
        validation=Split(),
        test=Split(),
        _whole_train=None,
    )
