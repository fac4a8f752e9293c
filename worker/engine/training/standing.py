"""The model under training and all that moves with it: taken, put back, settled."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from worker.engine import masks
from worker.engine.arrays import Arrays
from worker.engine.calling import Scale, Split
from worker.engine.training.checkpoint import Moment
from worker.engine.training.plan import TrainingPlan
from worker.engine.training.recalibration import recalibrate
from worker.engine.training.state import State, capture, restore
from worker.engine.training.step import Step


class Standing:
    """Weights, statistics, slots, generators and running averages of one training."""

    def __init__(
        self, step: Step, plan: TrainingPlan, split: Split, scale: Scale | None, seed: int
    ) -> None:
        self.model, self.optimizer = step.model, step.optimizer
        self._averages, self._masks = step.averages, step.masks
        self._plan, self._split, self._scale, self._seed = plan, split, scale, seed

    def state(self, at: int) -> State:
        """A copy of the full state, as it is after `at` steps."""
        return capture(self.model, self.optimizer, step=at, seed=self._seed)

    def moment(self, at: int) -> Moment:
        """The state with the running averages."""
        averages = {str(index): average.numpy() for index, average in enumerate(self._averages)}
        return Moment(self.state(at), averages)

    def put_back(self, moment: Moment) -> None:
        """Undo everything since the moment was taken."""
        restore(self.model, self.optimizer, moment.state)
        for index, average in enumerate(self._averages):
            average.assign(moment.averages[str(index)])

    def set_masks(self, masks: Arrays) -> None:
        for key, mask in masks.items():
            self._masks[key].assign(mask)

    def masks(self) -> Arrays:
        return {key: mask.numpy() for key, mask in self._masks.items()}

    @property
    def settles(self) -> bool:
        """Whether what is handed back differs from the weights that are trained."""
        return self._plan.averages or self._plan.recalibrate_batch_norm

    def settle(self) -> None:
        """Make the model what is handed back: averaged weights, fresh BatchNorm statistics."""
        if self._plan.averages:
            trained = self.model.trainable_variables
            for variable, average in zip(trained, self._averages, strict=True):
                variable.assign(average)
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
            not np.array_equal(variable.numpy(), since.weights[key])
            for key, variable in masks.variable_keys(self.model).items()
            if id(variable) in trained
        )

    def is_finite(self) -> bool:
        """Whether every trainable weight is a number."""
        return all(
            bool(tf.reduce_all(tf.math.is_finite(v.value))) for v in self.model.trainable_variables
        )
