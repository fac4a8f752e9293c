"""Compiled loops, kept: the cost of compiling is paid once per shape, not once per training.

A loop belongs to the model it was traced with. Another model of equal configuration (a control, a
rewound level) borrows it: its weights are carried over, trained there and carried back.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from worker.engine.calling import Scale
from worker.engine.profiling import parameters
from worker.engine.training import optimizers
from worker.engine.training.compiled.loop import Loop
from worker.engine.training.compiled.step import Layout, Step
from worker.engine.training.distillation import Teaching
from worker.engine.training.plan import TrainingPlan
from worker.engine.training.state import capture, restore

_LOOPS: OrderedDict[str, Loop] = OrderedDict()
# Each keeps a model and its compiled programs alive: of small models there may be more, as
# controls, replicates and arms come back to the shapes of the levels.
_KEPT, _KEPT_OF_SMALL = 3, 16
_SMALL_PARAMETERS = 1 << 19


@contextmanager
def borrowed(
    model: keras.Model,
    plan: TrainingPlan,
    layout: Layout,
    batch: int,
    *,
    scale: Scale | None,
    masked: tuple[str, ...],
    teaching: Teaching | None,
) -> Iterator[Loop]:
    """A loop for a model of this configuration, holding this model's weights."""
    key = _key(model, plan, layout, batch, scale, masked, teaching)
    loop = _LOOPS.get(key)
    if loop is None:
        loop = Loop(_step(model, plan, layout, scale, masked, teaching), batch)
        _LOOPS[key] = loop
        most = _KEPT_OF_SMALL if parameters(model) <= _SMALL_PARAMETERS else _KEPT
        while len(_LOOPS) > most:
            _LOOPS.popitem(last=False)
    _LOOPS.move_to_end(key)
    owner = loop.step.model
    if owner is model:
        yield loop
        return
    kept = capture(owner)
    restore(owner, None, capture(model))
    try:
        yield loop
    finally:
        restore(model, None, capture(owner))
        restore(owner, None, kept)


def forget() -> None:
    """Let go of every compiled loop, and of the models they keep alive."""
    _LOOPS.clear()


def _step(
    model: keras.Model,
    plan: TrainingPlan,
    layout: Layout,
    scale: Scale | None,
    masked: tuple[str, ...],
    teaching: Teaching | None,
) -> Step:
    return Step(
        model=model,
        optimizer=optimizers.working_copy(plan.optimizer, plan.precision),
        loss=plan.loss,
        loss_weights=plan.loss_weights,
        layout=layout,
        scale=scale,
        masked=masked,
        ema=plan.ema if plan.averages else None,
        teaching=teaching,
        rate_factors=tuple(optimizers.factors(plan.optimizer)),
        precision=plan.precision,
    )


def _key(model: keras.Model, plan: TrainingPlan, *rest: Any) -> str:
    layout, batch, scale, masked, teaching = rest
    parts = [
        # Names that Keras counts up would make every copy a stranger.
        model.get_config() | {"name": ""},
        _nameless(optimizers.config_with_rate(plan.optimizer, 0.0)),
        optimizers.factors(plan.optimizer),
        _described(plan.loss),
        plan.loss_weights,
        plan.ema if plan.averages else None,
        repr(layout),
        batch,
        None if scale is None else (scale.multiplier, scale.offset),
        masked,
        repr(teaching),
        plan.precision,
    ]
    return json.dumps(parts, sort_keys=True, default=repr)


def _nameless(config: Any) -> Any:
    if isinstance(config, dict):
        return {key: _nameless(value) for key, value in config.items() if key != "name"}
    return [_nameless(value) for value in config] if isinstance(config, list) else config


def _described(loss: Any) -> Any:
    """A loss as plain data; a function of the user's own counts by its identity."""
    if isinstance(loss, dict):
        return {name: _described(one) for name, one in loss.items()}
    if isinstance(loss, (list, tuple)):
        return [_described(one) for one in loss]
    if isinstance(loss, keras.losses.Loss):
        return [type(loss).__name__, loss.get_config()]
    return loss if isinstance(loss, str) or loss is None else repr(loss)
