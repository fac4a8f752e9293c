"""Early-bird tickets: draw the mask as soon as it has settled (You et al., arXiv:1909.11957).

After every epoch of the dense training the mask that a first round would draw is compared with
those of the epochs before; once it differs little from each of the last few, more dense training
would not change it.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from worker.engine.arrays import Arrays
from worker.engine.lottery.batches import criterion_context
from worker.engine.lottery.bench import Bench, assign, weights_of
from worker.engine.pruning import criteria, schedules, selection
from worker.engine.pruning.units import unit_scores

# The paper's own: mask distance below 0.1 against each of the last five epochs.
DISTANCE = 0.1
EPOCHS = 5


class EarlyBird:
    """Watches the dense training, one look an epoch; what it saw outlives the attempt.

    memory: the file that keeps the masks of the last epochs. It is written before the training's
        own checkpoint, so an attempt that goes on from one finds every mask it needs; masks of
        epochs that it repeats are those it would draw again.
    """

    def __init__(self, bench: Bench, initial: Arrays, memory: Path) -> None:
        self._bench = bench
        self._initial = initial
        self._memory = memory
        self._seen = _read(memory) if memory.is_file() else {}
        self.epoch = 0

    def settled(self, epoch: int, model: keras.Model) -> bool:
        """Look once at the end of each epoch; True when the mask no longer moves.

        model: the one that is trained, which need not be the bench's own.
        """
        if epoch <= self.epoch:
            return False
        self.epoch = epoch
        if epoch not in self._seen:
            self._remember(epoch, self._mask(model))
        before = [self._seen.get(earlier) for earlier in range(epoch - EPOCHS, epoch)]
        mask = self._seen[epoch]
        return all(other is not None and distance(mask, other) < DISTANCE for other in before)

    def forget(self) -> None:
        """Drop the file: the dense training is over."""
        self._memory.unlink(missing_ok=True)

    def _remember(self, epoch: int, mask: np.ndarray) -> None:
        # An attempt may go on from before the newest mask: twice as many are kept as are compared.
        recent = {k: v for k, v in self._seen.items() if k > epoch - 2 * EPOCHS}
        self._seen = {**recent, epoch: mask}
        partial = self._memory.with_name(self._memory.name + ".partial")
        with partial.open("wb") as stream:
            packed = {str(k): np.packbits(v) for k, v in self._seen.items()}
            np.savez(stream, size=np.array(mask.size), **packed)  # type: ignore[arg-type]
        partial.replace(self._memory)

    def _mask(self, model: keras.Model) -> np.ndarray:
        """The mask of a first round, global, one flat array."""
        bench = self._bench
        share = schedules.round_fraction(bench.recipe.schedule, 1)
        values = weights_of(model)
        if model is not bench.model:
            assign(bench.model, values)  # which criteria look at, and the training overwrites
        context = criterion_context(bench, values, self._initial, bench.seed_for("draw", 1))
        scores: Arrays
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


def _read(memory: Path) -> dict[int, np.ndarray]:
    with np.load(memory, allow_pickle=False) as archive:
        size = int(archive["size"])
        packed = {int(name): archive[name] for name in archive.files if name != "size"}
    return {epoch: np.unpackbits(bits, count=size).astype(bool) for epoch, bits in packed.items()}
