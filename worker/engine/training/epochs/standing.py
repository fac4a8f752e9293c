"""The model under training and all that moves with it: taken, put back, settled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from worker.engine.arrays import Arrays
from worker.engine.calling import Scale, Split
from worker.engine.training.compiled.step import Step
from worker.engine.training.epochs.checkpoint import Moment
from worker.engine.training.plan import TrainingPlan
from worker.engine.training.recalibration import recalibrate
from worker.engine.training.state import Places, State
from worker.engine.variables import Held, put, put_all, read


class Standing:
    """Weights, statistics, slots, generators and running averages of one training."""

    def __init__(
        self, step: Step, plan: TrainingPlan, split: Split, scale: Scale | None, seed: int
    ) -> None:
        self.model, self.optimizer = step.model, step.optimizer
        self._masks = step.masks
        self._averages = {str(index): average for index, average in enumerate(step.averages)}
        self._all = Places.of(step.model, step.optimizer)
        self._model_alone = replace(self._all, slots=None)
        self._plan, self._split, self._scale, self._seed = plan, split, scale, seed

    def state(self, at: int) -> State:
        """A copy of the full state, as it is after `at` steps."""
        return self._all.state(step=at, seed=self._seed)

    def moment(self, at: int) -> Moment:
        """The state with the running averages."""
        return Moment(self.state(at), Held(self._averages))

    def put_back(self, moment: Moment) -> None:
        """Undo everything since the moment was taken."""
        self._all.put(moment.state)
        put_all(self._averages, moment.averages, "average")

    def set_masks(self, masks: Arrays) -> None:
        for key, mask in masks.items():
            self._masks[key].assign(mask)

    def masks(self) -> Arrays:
        return {key: mask.numpy() for key, mask in self._masks.items()}

    @property
    def settles(self) -> bool:
        """Whether what is handed back differs from the weights that are trained."""
        return self._plan.averages or self._plan.recalibrate_batch_norm

    @contextmanager
    def settled(self) -> Iterator[None]:
        """The model as it would be handed back now, for as long as it is looked at."""
        if not self.settles:
            yield
            return
        raw = self._model_alone.state()
        self.settle()
        try:
            yield
        finally:
            self._model_alone.put(raw)

    def settle(self) -> None:
        """Make the model what is handed back: averaged weights, fresh BatchNorm statistics."""
        if self._plan.averages:
            trained = self.model.trainable_variables
            for variable, average in zip(trained, self._averages.values(), strict=True):
                put(variable, read(average))
        if self.settles:
            recalibrate(
                self.model,
                self._split,
                self._scale,
                batches=self._plan.recalibration_batches,
                batch=max(32, self._plan.batch_size),
                seed=self._plan.seed,
            )

    def has_moved(self, since: State) -> bool:
        """Whether any trainable weight is another than it was."""
        trained = {id(variable) for variable in self.model.trainable_variables}
        return any(
            not np.array_equal(read(variable), since.weights[key])
            for key, variable in self._all.weights.items()
            if id(variable) in trained
        )

    def is_finite(self) -> bool:
        """Whether every trainable weight is a number."""
        return all(np.isfinite(np.asarray(read(v))).all() for v in self.model.trainable_variables)
