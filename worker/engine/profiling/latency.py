"""How long a call takes, measured against the dense model in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from prunery.specs.report import Latency

# Stands for a dimension that the model leaves open.
FREE_DIMENSION = 32
_WARM_UP = 5
_MINIMUM_RUNS = 20


def latency(
    models: Mapping[str, keras.Model],
    batches: Sequence[int] = (1, 256),
    runs: int = 200,
    budget_seconds: float = 20.0,
) -> dict[str, tuple[Latency, ...]]:
    """Time the compiled call of each model, one run of each in turn, so that load falls on all.

    Per batch size at most `budget_seconds` are spent, though never fewer than 20 runs; `runs` of
    the result says how many there were. A model that takes strings is not timed.
    """
    found: dict[str, list[Latency]] = {name: [] for name in models}
    if any(t.dtype == "string" for model in models.values() for t in model.inputs):
        return dict.fromkeys(models, ())
    for batch in batches:
        given = {name: _examples(model, batch) for name, model in models.items()}
        calls = {name: _compiled(model, given[name]) for name, model in models.items()}
        seconds = _interleaved(calls, given, runs, budget_seconds)
        for name, times in seconds.items():
            found[name].append(
                Latency(
                    examples=batch,
                    median_ms=float(np.median(times)) * 1e3,
                    p95_ms=float(np.percentile(times, 95)) * 1e3,
                    runs=len(times),
                )
            )
    return {name: tuple(each) for name, each in found.items()}


def _interleaved(
    calls: Mapping[str, Callable[[Any], Any]],
    given: Mapping[str, Any],
    runs: int,
    budget_seconds: float,
) -> dict[str, list[float]]:
    for name, call in calls.items():
        for _ in range(_WARM_UP):
            _wait(call(given[name]))
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    until = time.perf_counter() + budget_seconds
    for run in range(runs):
        if run >= _MINIMUM_RUNS and time.perf_counter() > until:
            break
        for name, call in calls.items():
            start = time.perf_counter()
            _wait(call(given[name]))
            seconds[name].append(time.perf_counter() - start)
    return seconds


def _compiled(model: keras.Model, example: Any) -> Callable[[Any], Any]:
    """The call traced for one batch size: a function that met several would warn of retracing."""
    traced = tf.function(lambda inputs: model(inputs, training=False))
    call = traced.get_concrete_function(example)
    return lambda inputs: call(inputs)


def _wait(outputs: Any) -> None:
    """Hold on until the numbers are there: an accelerator answers before it is done."""
    for tensor in keras.tree.flatten(outputs):
        tensor.numpy()


def _examples(model: keras.Model, batch: int) -> Any:
    rng = np.random.default_rng(0)

    def draw(tensor: Any) -> Any:
        shape = (batch, *(size or FREE_DIMENSION for size in tensor.shape[1:]))
        if "float" in tensor.dtype:
            return tf.constant(rng.standard_normal(shape), dtype=tensor.dtype)
        return tf.zeros(shape, dtype=tensor.dtype)

    graph: Any = getattr(model, "_functional", None) or model
    return keras.tree.map_structure(draw, graph._inputs_struct)
