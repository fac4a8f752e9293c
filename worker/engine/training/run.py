"""Train: the driver around the compiled loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.engine import masks as masks_module
from worker.engine.calling import Scale, Split, flat_inputs, flat_labels
from worker.engine.masks import Masks
from worker.engine.training import loops, stopping
from worker.engine.training.checkpoint import Checkpoint, Moment
from worker.engine.training.choice import choose_loop
from worker.engine.training.classes import class_weights
from worker.engine.training.distillation import Teaching, teach
from worker.engine.training.feed import Feed
from worker.engine.training.judge import Judge
from worker.engine.training.loop import LONGEST_CALL, Loop
from worker.engine.training.plan import (
    Enough,
    EpochRecord,
    Interrupted,
    LoopChoice,
    Progress,
    Trained,
    TrainingPlan,
)
from worker.engine.training.precision import computed_in
from worker.engine.training.rates import rate_trace
from worker.engine.training.recalibration import recalibrate
from worker.engine.training.state import State, capture, restore, seed_generators
from worker.engine.training.step import Layout

_CALL_SECONDS = 0.5
# A state that did not move in so many steps will not move (loss scaling skips some at first).
_STEPS_TO_MOVE = 20


def train(
    model: keras.Model,
    split: Split,
    validation: Split | None,
    plan: TrainingPlan,
    *,
    scale: Scale | None = None,
    masks: Masks | None = None,
    teacher: keras.Model | None = None,
    state: State | None = None,
    resume_from: Path | None = None,
    checkpoint_to: Path | None = None,
    checkpoint_seconds: float = 30.0,
    on_step: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train in place and return what came of it.

    state: where to start, step and data order included; None: the model as it is, fresh slots,
        from step 0. masks: weights held at exactly 0, by key. on_step: called about every half
        second; may raise `Interrupted` (it passes on, after a checkpoint) or `Enough`.
    Raises `training_diverged`, `training_stuck`.
    """
    with computed_in(model, plan.precision):
        arrays, layout, teaching = _assemble(model, split, plan, scale, teacher)
        seed = plan.seed if state is None or state.seed is None else state.seed
        feed = Feed(
            arrays,
            batch=plan.batch_size,
            seed=seed,
            shuffle=plan.shuffle,
            resident_bytes=plan.resident_bytes,
        )
        masked = tuple(sorted(masks or ()))
        with loops.borrowed(
            model, plan, layout, feed.batch, scale=scale, masked=masked, teaching=teaching
        ) as loop:
            judge = Judge(
                validation, scale, plan.metric, plan.loss, plan.loss_weights, max(256, feed.batch)
            )
            run = _Run(loop, feed, judge, plan, split, scale)
            run.report, run.checkpoint_to = on_step, checkpoint_to
            run.checkpoint_seconds = checkpoint_seconds
            if resume_from is None:
                run.begin(state, masks or {})
            else:
                run.resume(Checkpoint.load(resume_from))
            run.epochs()
            trained = run.finish()
    _hand_back(model, plan.optimizer, trained.state)
    return trained


class _Run:
    """One training, from its start or a checkpoint to its end."""

    report: Callable[[Progress], None] | None = None
    checkpoint_to: Path | None = None
    checkpoint_seconds = 30.0

    def __init__(
        self,
        loop: Loop,
        feed: Feed,
        judge: Judge,
        plan: TrainingPlan,
        split: Split,
        scale: Scale | None,
    ) -> None:
        self.loop, self.feed, self.judge, self.plan = loop, feed, judge, plan
        self.split, self.scale = split, scale
        self.model, self.optimizer = loop.step.model, loop.step.optimizer
        self.steps = plan.epochs * feed.steps_per_epoch
        self.rates = rate_trace(plan, self.steps)
        if plan.steps is not None:
            self.steps = min(self.steps, plan.steps)
        self.patience = stopping.Patience(plan.patience, judge.higher_is_better)
        self.history: list[EpochRecord] = []
        self.snapshots: dict[int, State] = {}
        self.notes: list[str] = []
        self.best: State | None = None
        self.step, self.total, self.halvings, self.moved = 0, 0.0, 0, False
        self.stopped_why, self.enough = "all epochs done", False
        self.started, self.seconds_before = perf_counter(), 0.0
        self.last_checkpoint = perf_counter()
        self.seconds_per_step = 0.0

    # -- begin ---------------------------------------------------------------------------------

    def begin(self, state: State | None, masks: Masks) -> None:
        """Start at `state`, or at the model as it is."""
        if state is not None:
            restore(self.model, None, state)
            self.step = state.step
        if state is None or not state.rng:
            seed_generators(self.model, self.plan.seed)
        for key, mask in masks.items():
            self.loop.step.masks[key].assign(mask)
        self.loop.step.reset(None if state is None else state.optimizer)
        self._check_that_it_can_move()
        self.good = self._moment()
        self.choice = self._choose()
        self._snapshot_if_due()

    def resume(self, saved: Checkpoint) -> None:
        """Go on where a checkpoint was written."""
        if saved.fingerprint != self._fingerprint():
            raise ValueError(f"the checkpoint is of another training: {saved.fingerprint}")
        for key, mask in saved.masks.items():
            self.loop.step.masks[key].assign(mask)
        self._put_back(saved.now)
        self.good, self.best, self.snapshots = saved.good, saved.best, saved.snapshots
        self.rates, self.total, self.halvings = saved.rates, saved.total, saved.halvings
        self.history, self.patience, self.moved = saved.history, saved.patience, saved.moved
        self.choice, self.notes = saved.loop, saved.notes
        self.loop.choice = self.loop.choice or saved.loop
        self.seconds_before = saved.seconds
        if saved.enough is not None:
            self.enough, self.stopped_why = True, saved.enough

    def _choose(self) -> LoopChoice:
        if self.plan.loop != "auto":
            return LoopChoice(self.plan.loop, "the recipe asks for it")
        return choose_loop(
            self.loop, self.feed, self.steps - self.step, lambda: self._put_back(self.good)
        )

    def _check_that_it_can_move(self) -> None:
        if not self.model.trainable_variables:
            raise stopping.stuck("The model has no weight that may be trained.")
        if self.step < self.steps and not self.rates[self.step : self.steps].any():
            raise stopping.stuck("The learning rate is 0 in every step.")

    # -- train ---------------------------------------------------------------------------------

    def epochs(self) -> None:
        """Train until the last step, or until patience is over."""
        while self.step < self.steps and not self._is_over():
            epoch, within = divmod(self.step, self.feed.steps_per_epoch)
            if within == 0:
                self.total, self.good = 0.0, self._moment()
            if self._train_epoch(epoch, within):
                self._end_epoch(epoch)
                self._after_call(epoch)

    def _is_over(self) -> bool:
        if self.enough:
            return True
        over = self.plan.early_stopping and self.judge.has_examples and self.patience.is_over
        if over:
            self.stopped_why = f"no gain on validation for {self.plan.patience} epochs"
        return over

    def _train_epoch(self, epoch: int, within: int) -> bool:
        """Train the rest of an epoch; False where it diverged and was taken back."""
        end = min(self.feed.steps_per_epoch, self.steps - epoch * self.feed.steps_per_epoch)
        with closing(self.feed.pieces(epoch, within)) as pieces:
            for piece in pieces:
                at = piece.first_step
                stop = min(piece.first_step + piece.steps, end)
                while at < stop:
                    steps, size = self._next_call(at, stop)
                    started = perf_counter()
                    self.total = self.loop.run(
                        self.choice.kind,
                        piece,
                        first=at - piece.first_step,
                        steps=steps,
                        size=size,
                        rates=self.rates[self.step : self.step + steps],
                        global_step=self.step,
                        total=self.total,
                    )
                    self.seconds_per_step = (perf_counter() - started) / steps
                    at += steps
                    self.step += steps
                    if not np.isfinite(self.total):
                        self._halve()
                        return False
                    self._snapshot_if_due()
                    # The last call of an epoch is reported once the epoch is judged: a checkpoint
                    # never stands between the two.
                    if self.step < epoch * self.feed.steps_per_epoch + end:
                        self._after_call(epoch)
        if not self._is_finite():
            self._halve()
            return False
        return True

    def _next_call(self, at: int, stop: int) -> tuple[int, int]:
        """How many steps the next call takes, and of how many rows."""
        if at >= self.feed.full_steps:
            return 1, self.feed.tail
        steps = min(stop, self.feed.full_steps) - at
        due = self._snapshot_step()
        if due is not None and due > self.step:
            steps = min(steps, due - self.step)
        wanted = int(_CALL_SECONDS / self.seconds_per_step) if self.seconds_per_step else 16
        return max(1, min(steps, wanted, LONGEST_CALL)), self.feed.batch

    def _after_call(self, epoch: int) -> None:
        done = self.step - epoch * self.feed.steps_per_epoch
        progress = Progress(
            step=self.step,
            steps=self.steps,
            epoch=epoch,
            epochs=self.plan.epochs,
            examples=self.step * self.feed.batch,
            loss=self.total / max(done, 1),
        )
        if self.report is not None:
            try:
                self.report(progress)
            except Enough as why:
                self.enough, self.stopped_why = True, str(why)
            except Interrupted:
                self._checkpoint()
                raise
        if perf_counter() - self.last_checkpoint >= self.checkpoint_seconds:
            self._checkpoint()

    def _halve(self) -> None:
        """Take the epoch back and go on at half the rate (the trace keeps what really ran)."""
        if self.halvings >= stopping.MOST_HALVINGS:
            raise stopping.diverged(self.halvings, self.step)
        self.halvings += 1
        self._put_back(self.good)
        self.total = 0.0
        self.rates = self.rates.copy()
        self.rates[self.step :] *= 0.5
        self.notes.append(f"The loss diverged: learning rate halved from step {self.step} on.")

    # -- judge ---------------------------------------------------------------------------------

    def _end_epoch(self, epoch: int) -> None:
        self._check_that_it_moved()
        done = self.step - epoch * self.feed.steps_per_epoch
        value: float | None = None
        loss: float | None = None
        if self.judge.has_examples:
            value, loss = self._judged(epoch)
        self.history.append(
            EpochRecord(
                epoch=epoch,
                loss=self.total / max(done, 1),
                learning_rate=float(self.rates[self.step - 1]),
                validation_loss=loss,
                validation_metric=value if self.plan.metric is not None else None,
            )
        )

    def _judged(self, epoch: int) -> tuple[float, float | None]:
        """Judge the weights that would be handed back now, and remember them if they are best."""
        raw = self._moment() if self.plan.averages or self._recalibrates else None
        if raw is not None:
            self._settle()
        value, loss = self.judge.judge(self.model)
        if self.patience.improves(epoch, value, loss) and self.plan.early_stopping:
            self.best = self._state()
        if raw is not None:
            self._put_back(raw)
        return value, loss

    @property
    def _recalibrates(self) -> bool:
        return self.plan.recalibrate_batch_norm or self.plan.averages

    def _settle(self) -> None:
        """Make the model what is handed back: averaged weights, fresh BatchNorm statistics."""
        if self.plan.averages:
            for variable, average in zip(
                self.model.trainable_variables, self.loop.step.averages, strict=True
            ):
                variable.assign(average)
        if self._recalibrates:
            recalibrate(
                self.model,
                self.split,
                self.scale,
                batches=self.plan.recalibration_batches,
                batch=max(32, self.feed.batch),
                seed=self.plan.seed,
            )

    def _check_that_it_moved(self) -> None:
        if self.moved or self.step - self.good.state.step < _STEPS_TO_MOVE:
            return
        before = self.good.state.weights
        now = {k: v.numpy() for k, v in self._trained().items()}
        self.moved = any(not np.array_equal(value, before[key]) for key, value in now.items())
        if not self.moved:
            raise stopping.stuck("No weight moved in a whole epoch: every gradient is 0.")

    def _is_finite(self) -> bool:
        return all(
            bool(tf.reduce_all(tf.math.is_finite(v.value))) for v in self.model.trainable_variables
        )

    # -- remember ------------------------------------------------------------------------------

    def finish(self) -> Trained:
        """Leave the model with the weights to hand back: the best, or the last."""
        if self.best is not None:
            restore(self.model, self.optimizer, self.best)
        elif self.steps:
            self._settle()
        state = self.best or self._state()
        value, epoch = self.patience.value, self.patience.epoch
        if self.best is None and self.history:
            last = self.history[-1]
            metric = last.validation_metric
            value = metric if metric is not None else last.validation_loss
            epoch = last.epoch
        return Trained(
            history=tuple(self.history),
            best_validation=value,
            best_epoch=epoch,
            epochs_run=-(-self.step // self.feed.steps_per_epoch),
            steps_run=self.step,
            seconds=self.seconds_before + perf_counter() - self.started,
            state=state,
            loop=self.choice,
            stopped_why=self.stopped_why,
            rate_trace=self.rates[: self.step],
            snapshots=self.snapshots,
            notes=tuple(self.notes),
        )

    def _snapshot_step(self) -> int | None:
        if self.plan.snapshot_at is None:
            return None
        what, count = self.plan.snapshot_at
        return count if what == "step" else count * self.feed.steps_per_epoch

    def _snapshot_if_due(self) -> None:
        if self.step == self._snapshot_step():
            self.snapshots[self.step] = self._state()

    def _state(self) -> State:
        return capture(self.model, self.optimizer, step=self.step, seed=self.feed.seed)

    def _moment(self) -> Moment:
        averages = {str(i): average.numpy() for i, average in enumerate(self.loop.step.averages)}
        return Moment(self._state(), averages)

    def _put_back(self, moment: Moment) -> None:
        self._restore(moment.state)
        for index, average in enumerate(self.loop.step.averages):
            average.assign(moment.averages[str(index)])

    def _restore(self, state: State) -> None:
        restore(self.model, self.optimizer, state)
        self.step = state.step

    def _trained(self) -> dict[str, Any]:
        trained = {id(v) for v in self.model.trainable_variables}
        return {k: v for k, v in masks_module.variable_keys(self.model).items() if id(v) in trained}

    def _checkpoint(self) -> None:
        if self.checkpoint_to is None:
            return
        self.last_checkpoint = perf_counter()
        Checkpoint(
            fingerprint=self._fingerprint(),
            now=self._moment(),
            good=self.good,
            best=self.best,
            snapshots=self.snapshots,
            masks={key: mask.numpy() for key, mask in self.loop.step.masks.items()},
            rates=self.rates,
            total=self.total,
            halvings=self.halvings,
            moved=self.moved,
            seconds=self.seconds_before + perf_counter() - self.started,
            history=self.history,
            patience=self.patience,
            loop=self.choice,
            notes=self.notes,
            enough=self.stopped_why if self.enough else None,
        ).save(self.checkpoint_to)

    def _fingerprint(self) -> dict[str, Any]:
        return {
            "examples": self.feed.examples,
            "batch": self.feed.batch,
            "epochs": self.plan.epochs,
            "seed": self.feed.seed,
            "schedule": self.plan.schedule,
            "masked": list(self.loop.step.masked),
        }


def _assemble(
    model: keras.Model,
    split: Split,
    plan: TrainingPlan,
    scale: Scale | None,
    teacher: keras.Model | None,
) -> tuple[list[np.ndarray], Layout, Teaching | None]:
    """The arrays that travel with each example, and what they are."""
    inputs = flat_inputs(model, split.x)
    labels = flat_labels(model, split.y)
    weights = class_weights(labels, plan.class_weight)
    taught: list[np.ndarray] = []
    teaching = None
    if plan.distillation > 0 and teacher is not None:
        teaching, taught = teach(teacher, split, scale, plan)
    layout = Layout(
        inputs=len(inputs),
        labels=tuple(tuple(array.shape[1:]) for array in labels),
        weighted=weights is not None,
        taught=len(taught),
    )
    extras = [] if weights is None else [weights]
    return [*inputs, *labels, *extras, *taught], layout, teaching


def _hand_back(model: keras.Model, optimizer: Any, state: State) -> None:
    """Give the caller's optimizer the final slots, unless it was built for another model."""
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    ours = {id(v) for v in model.trainable_variables}
    if state.optimizer and all(id(v) in ours for v in optimizer._trainable_variables):
        restore(model, optimizer, State(state.weights, state.optimizer))
