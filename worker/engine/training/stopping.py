"""When to stop: no more gain on validation, a loss that explodes, or one that cannot move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunery.specs.errors import PruneryError

MOST_HALVINGS = 5


@dataclass
class Patience:
    """Follows the validation figure; `value` and `loss` are those of the best epoch so far."""

    patience: int
    higher_is_better: bool
    value: float | None = None
    loss: float | None = None
    epoch: int = -1
    waited: int = 0

    def improves(self, epoch: int, value: float, loss: float | None) -> bool:
        """Take in an epoch's figure and tell whether it is the best; equal figures go by loss."""
        if self._is_better(value, loss):
            self.value, self.loss, self.epoch, self.waited = value, loss, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def is_over(self) -> bool:
        return self.waited >= self.patience

    def _is_better(self, value: float, loss: float | None) -> bool:
        if np.isnan(value):
            return False
        if self.value is None:
            return True
        if value == self.value:
            return loss is not None and self.loss is not None and loss < self.loss
        return value > self.value if self.higher_is_better else value < self.value


def diverged(halvings: int, step: int) -> PruneryError:
    """The error of a training whose loss is no number at any rate that was tried."""
    return PruneryError(
        "training_diverged",
        f"The loss became infinite or not a number at step {step}, also with the learning rate "
        f"halved {halvings} times.",
    )


def stuck(reason: str) -> PruneryError:
    """The error of a training that moves nothing."""
    return PruneryError("training_stuck", reason)
