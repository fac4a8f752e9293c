"""Train a model: lay out the data, find its compiled loop, run the course."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from worker.engine.calling import Scale, Split, flat_inputs, flat_labels
from worker.engine.masks import Masks
from worker.engine.training.alignment import aligned
from worker.engine.training.classes import class_weights
from worker.engine.training.compiled import loops
from worker.engine.training.compiled.feed import Feed
from worker.engine.training.compiled.step import Layout
from worker.engine.training.distillation import Teaching, teach
from worker.engine.training.epochs.checkpoint import Checkpoint, StaleCheckpointError
from worker.engine.training.epochs.course import Course
from worker.engine.training.epochs.judge import Judge
from worker.engine.training.epochs.standing import Standing
from worker.engine.training.plan import Progress, Trained, TrainingPlan
from worker.engine.training.state import State, capture, restore, restore_slots


def train(
    model: keras.Model,
    split: Split,
    validation: Split | None,
    plan: TrainingPlan,
    *,
    masks: Masks | None = None,
    state: State | None = None,
    on_step: Callable[[Progress], None] | None = None,
    **how: Any,
) -> Trained:
    """Train in place and return what came of it.

    state: where to start, step and data order included; None: the model as it is, fresh slots,
        from step 0. masks: weights held at exactly 0, by key. on_step: called about every half
        second; may raise `Interrupted` (it passes on, after a checkpoint) or `Enough`.
    how: `scale` of the inputs, a `teacher`, `resume_from` and `checkpoint_to` (files),
        `checkpoint_seconds`.
    Raises `training_diverged`, `training_stuck`, or `StaleCheckpointError` where `resume_from` does
        not fit.
    """
    wide = aligned(model, plan)
    if wide is None:
        trained = _train(model, split, validation, plan, masks, state, on_step, **how)
        _hand_back(model, plan.optimizer, trained.state)
        return trained

    def told(progress: Progress) -> None:
        def narrow() -> keras.Model:
            restore(model, None, wide.narrow(capture(progress.model())))
            return model

        assert on_step is not None
        on_step(replace(progress, model=narrow))

    if state is None:
        restore(wide.model, None, wide.widen(capture(model)))
    else:
        state = wide.widen(state)
    masks = wide.widen_masks(masks or {})
    trained = _train(
        wide.model, split, validation, plan, masks, state, told if on_step else None, **how
    )
    trained = wide.narrow_result(trained)
    restore(model, None, trained.state)
    _hand_back(model, plan.optimizer, trained.state)
    return trained


def pace(
    model: keras.Model, split: Split, plan: TrainingPlan, *, scale: Scale | None = None
) -> float | None:
    """Milliseconds that a step of such a training takes in the loop that it would run in.

    The model is left as it was, and the loop is kept for the training itself. None where no loop is
    timed: of Keras' own steps, of too few, or where XLA was asked for and can't be had.
    """
    if plan.loop == "fit":
        return None
    wide = aligned(model, plan)
    trained = model if wide is None else wide.model
    before = capture(model)
    restore(trained, None, before if wide is None else wide.widen(before))
    tried = replace(plan, loop="auto")
    with _course(trained, split, None, tried, None, scale, None, plan.seed) as course:
        course.begin(None, {})
        choice = course.choice
    restore(model, None, before)
    return choice.milliseconds_per_step.get(choice.kind if plan.loop == "auto" else plan.loop)


def _train(
    model: keras.Model,
    split: Split,
    validation: Split | None,
    plan: TrainingPlan,
    masks: Masks | None,
    state: State | None,
    on_step: Callable[[Progress], None] | None,
    *,
    scale: Scale | None = None,
    teacher: keras.Model | None = None,
    resume_from: Path | None = None,
    checkpoint_to: Path | None = None,
    checkpoint_seconds: float = 30.0,
) -> Trained:
    """Train this very model, in the widths that it has."""
    seed = plan.seed if state is None or state.seed is None else state.seed
    with _course(model, split, validation, plan, masks, scale, teacher, seed) as course:
        course.report, course.checkpoint_to = on_step, checkpoint_to
        course.checkpoint_seconds = checkpoint_seconds
        if resume_from is None:
            course.begin(state, masks or {})
        else:
            try:
                course.resume(Checkpoint.load(resume_from))
            except (KeyError, TypeError, ValueError) as error:
                raise StaleCheckpointError(str(error)) from error
        course.epochs()
        return course.finish()


@contextmanager
def _course(
    model: keras.Model,
    split: Split,
    validation: Split | None,
    plan: TrainingPlan,
    masks: Masks | None,
    scale: Scale | None,
    teacher: keras.Model | None,
    seed: int,
) -> Iterator[Course]:
    """A training that has not begun: its data laid out, its loop found."""
    arrays, layout, teaching = _assemble(model, split, plan, scale, teacher)
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
            validation, scale, plan.metric, plan.loss, plan.loss_weights, plan.gauge or plan.metric
        )
        standing = Standing(loop.step, plan, split, scale, seed)
        yield Course(loop, feed, judge, plan, standing)


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
        restore_slots(model, optimizer, state.optimizer)
