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
from worker.engine.lottery.bench import Bench, assign, weights_of
from worker.engine.lottery.cutting import unit_cut, weight_cut
from worker.engine.masks import Masks
from worker.engine.pruning import schedules

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
        """What a first round would leave of the layers that it cuts, one flat array."""
        bench, values = self._bench, weights_of(model)
        cut = self._units if bench.recipe.granularity == "unit" else self._weights
        masks = cut(values)
        # Criteria look at the bench's model; it may be the one that is trained.
        assign(bench.model, values)
        return np.concatenate([np.array([], bool), *(masks[key].flat for key in sorted(masks))])

    def _units(self, values: Arrays) -> Masks:
        bench, whole = self._bench, unit_cut.all_units(self._bench)
        share = schedules.round_fraction(bench.recipe.schedule, 1)
        kept = unit_cut.cut_units(
            bench, 1, whole, share, values, self._initial, judge=lambda _kept: None
        ).kept
        own = unit_cut.bounds(bench, 1).fractions
        return {name: np.isin(whole[name], kept[name]) for name in whole if own.get(name) != 0}

    def _weights(self, values: Arrays) -> Masks:
        bench = self._bench
        whole = weight_cut.all_weights(bench)
        left = weight_cut.select(bench, 1, whole, values, self._initial).masks
        return {key: left[key] for key, share in weight_cut.fractions(bench, 1).items() if share}


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Hamming distance of two masks, 0 to 1."""
    return float(np.mean(a != b)) if a.size else 0.0


def _read(memory: Path) -> dict[int, np.ndarray]:
    with np.load(memory, allow_pickle=False) as archive:
        size = int(archive["size"])
        packed = {int(name): archive[name] for name in archive.files if name != "size"}
    return {epoch: np.unpackbits(bits, count=size).astype(bool) for epoch, bits in packed.items()}
