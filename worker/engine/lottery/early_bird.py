"""Early-bird tickets: draw the mask as soon as it has settled (You et al., arXiv:1909.11957).

After every epoch of the dense training the mask that a first round would draw is compared with
those of the epochs before; once it differs little from each of the last few, more dense training
would not change it.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from worker.engine.lottery.batches import criterion_context
from worker.engine.lottery.bench import Bench, weights_of
from worker.engine.pruning import criteria, schedules, selection
from worker.engine.pruning.units import unit_scores

# The paper's own: mask distance below 0.1 against each of the last five epochs.
DISTANCE = 0.1
EPOCHS = 5


class EarlyBird:
    """Watches the dense training, one look an epoch."""

    def __init__(self, bench: Bench, initial: dict[str, np.ndarray]) -> None:
        self._bench = bench
        self._initial = initial
        self._seen: deque[np.ndarray] = deque(maxlen=EPOCHS)
        self.epoch = 0

    def settled(self, epoch: int) -> bool:
        """Look once at the end of each epoch; True when the mask no longer moves."""
        if epoch <= self.epoch:
            return False
        self.epoch = epoch
        mask = self._mask()
        full = len(self._seen) == EPOCHS
        settled = full and all(distance(mask, other) < DISTANCE for other in self._seen)
        self._seen.append(mask)
        return settled

    def _mask(self) -> np.ndarray:
        """The mask of a first round, global, one flat array."""
        bench = self._bench
        share = schedules.round_fraction(bench.recipe.schedule, 1)
        values = weights_of(bench.model)
        context = criterion_context(bench, values, self._initial, bench.seed_for("draw", 1))
        if bench.recipe.granularity == "unit":
            scores = unit_scores(bench.graph.groups, bench.recipe.criterion, context)
        else:
            scores = criteria.of(bench.recipe.criterion.name)(context)
        alive = {key: np.ones(value.shape, dtype=bool) for key, value in scores.items()}
        pools = [([key], share) for key in scores]
        found = selection.prune_weights(scores, alive, pools).masks
        return np.concatenate([found[key].reshape(-1) for key in sorted(found)])


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Hamming distance of two masks, 0 to 1."""
    return float(np.mean(a != b))
