"""The learning rate of every step, laid out before the first one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.engine.training.plan import TrainingPlan
from worker.engine.training.slots import innermost

# Schedules that end somewhere, and the configuration entries that say after how many steps.
_FINITE = {"CosineDecay": ("decay_steps", "warmup_steps"), "PolynomialDecay": ("decay_steps",)}


def rate_trace(plan: TrainingPlan, steps: int) -> np.ndarray:
    """Float32 rates of all `steps` steps of the plan."""
    if plan.rate_trace is not None:
        given = np.asarray(plan.rate_trace, np.float32)[:steps]
        # What goes on beyond the trace goes on at its last rate.
        return np.append(
            given, np.full(steps - len(given), given[-1] if len(given) else 0.0)
        ).astype(np.float32)
    if plan.schedule == "from model":
        return own_rates(plan.optimizer, steps)
    peak = peak_rate(plan.optimizer)
    if plan.schedule == "linear":
        return (peak * (1.0 - np.arange(steps) / max(steps, 1))).astype(np.float32)
    return np.full(steps, peak, np.float32)


def own_rates(optimizer: Any, steps: int) -> np.ndarray:
    """The optimizer's rate, or its schedule from its beginning, fitted to `steps` where it ends."""
    rate = innermost(optimizer)[0]._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return _evaluate(fitted(rate, steps), steps)
    if isinstance(rate, keras.Variable):
        return np.full(steps, float(rate.numpy()), np.float32)
    return np.array([float(rate()) for _ in range(steps)], np.float32)


def peak_rate(optimizer: Any) -> float:
    """The highest rate the optimizer would reach by itself."""
    rate = innermost(optimizer)[0]._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        length = length_of(rate) or 10_000
        return float(_evaluate(rate, min(length, 100_000)).max())
    return float(own_rates(optimizer, 1)[0])


def length_of(schedule: Any) -> int | None:
    """Steps until a schedule has reached its end, None where it has none."""
    entries = _FINITE.get(type(schedule).__name__)
    if entries is None or getattr(schedule, "cycle", False):
        return None
    return int(sum(getattr(schedule, entry) for entry in entries))


def fitted(schedule: Any, steps: int) -> Any:
    """The same schedule, stretched or pressed so that it ends with this training."""
    length = length_of(schedule)
    if not length or not steps or length == steps:
        return schedule
    config = schedule.get_config()
    for entry in _FINITE[type(schedule).__name__]:
        config[entry] = config[entry] * steps / length
    return type(schedule).from_config(config)


def _evaluate(schedule: Any, steps: int) -> np.ndarray:
    @tf.function
    def all_rates() -> Any:
        return tf.map_fn(
            lambda step: tf.cast(schedule(step), tf.float32),
            tf.range(steps, dtype=tf.int64),
            fn_output_signature=tf.float32,
        )

    return np.asarray(all_rates().numpy(), np.float32)
