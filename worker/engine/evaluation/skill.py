"""How much of the way from guessing to perfect several outputs have come, as one figure.

By the first output's metric alone a training ends when that gains no more, whatever the others
still learn; by the total loss the output with the largest numbers decides. Over five pairs of tasks
the epochs that the mean skill chose had a mean skill of 0.711 on unseen examples, the worse skill's
0.703, the total loss's 0.700 and the first metric's 0.685 (`benchmarks.best_epoch`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worker.engine.evaluation.metrics import Arrays, Metric, baseline


@dataclass(frozen=True)
class MeanSkill:
    """The mean over outputs of (figure - guessing) / (perfect - guessing)."""

    metrics: tuple[Metric, ...]
    guessing: tuple[float, ...]

    higher_is_better = True

    def value(self, y: Arrays, p: Arrays) -> float:
        """1 where all is right, 0 where guessing would do as well."""
        return float(
            np.mean(
                [
                    (one.value(y, p) - guess) / (_perfect(one) - guess)
                    for one, guess in zip(self.metrics, self.guessing, strict=True)
                ]
            )
        )


def mean_skill(metrics: tuple[Metric, ...], y: Arrays) -> MeanSkill | None:
    """The mean skill on examples with these labels; None where no output has anything to tell.

    An output whose labels are all the same is left out: a constant answers it.
    """
    told = [one for one in metrics if np.ptp(one.pair(y, y)[0]) > 0]
    guesses = [(one, baseline(one, y)) for one in told]
    known = [(one, guess) for one, guess in guesses if 0 < abs(_perfect(one) - guess) < np.inf]
    if not known:
        return None
    return MeanSkill(tuple(one for one, _ in known), tuple(guess for _, guess in known))


def _perfect(metric: Metric) -> float:
    return 1.0 if metric.higher_is_better else 0.0
