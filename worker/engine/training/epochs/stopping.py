"""When to stop: no more gain on validation, a loss that explodes, or one that cannot move."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from prunery.specs.errors import PruneryError

MOST_HALVINGS = 5
# Narrow and recurrent nets often learn nothing for a while: they are not given up on as soon.
SLOW_START = 3


@dataclass
class Patience:
    """Follows the validation figure; `value` and `loss` are those of the best epoch so far.

    A net that is no better than `guessing` yet has three times the patience.
    """

    patience: int
    higher_is_better: bool
    guessing: float | None = None
    value: float | None = None
    loss: float | None = None
    epoch: int = -1
    waited: int = 0

    def improves(self, epoch: int, value: float, loss: float | None) -> bool:
        """Take in an epoch's figure and tell whether it is the best.

        Of equal figures the one with the lower loss is the better, but it buys no more time: a
        net that is always right would else train for ever.
        """
        gains = self._gains(value)
        self.waited = 0 if gains else self.waited + 1
        tie = value == self.value and (loss or 0.0) < (self.loss or 0.0)
        if gains or tie:
            self.value, self.loss, self.epoch = value, loss, epoch
        return gains or tie

    @property
    def is_over(self) -> bool:
        guesses = self.guessing is not None and not self._better(self.value, self.guessing)
        return self.waited >= self.patience * (SLOW_START if guesses else 1)

    def _gains(self, value: float) -> bool:
        if np.isnan(value) or self.value is None:
            return not np.isnan(value)
        return self._better(value, self.value)

    def _better(self, value: float | None, other: float) -> bool:
        if value is None:
            return False
        return value > other if self.higher_is_better else value < other


def diverged(halvings: int, step: int) -> PruneryError:
    """The error of a training whose loss is no number at any rate that was tried."""
    return PruneryError(
        "training_diverged",
        f"The loss became infinite or not a number at step {step}, also with the learning rate "
        f"halved {halvings} times.",
    )


def check_that_it_can_move(model: keras.Model, rates: np.ndarray) -> None:
    """Raise `training_stuck` where training would change nothing, before anything is compiled."""
    if not model.trainable_variables:
        raise stuck("The model has no weight that may be trained.")
    if len(rates) and not rates.any():
        raise stuck("The learning rate is 0 in every step.")


def stuck(reason: str) -> PruneryError:
    """The error of a training that moves nothing."""
    return PruneryError("training_stuck", reason)
