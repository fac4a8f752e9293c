"""How long a call takes, measured against the dense model in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from prunery.specs.report import Latency
from worker.engine.profiling.activations import FREE_DIMENSION, examples_within

_WARM_UP = 5
_MINIMUM_RUNS = 20
# Of a slow batch fewer are enough; each model is called at least so often, warm-up included.
_FEWEST_CALLS = 6


def latency(
    models: Mapping[str, keras.Model],
    batches: Sequence[int] = (1, 256),
    runs: int = 200,
    *,
    budget_seconds: float = 20.0,
    budget_bytes: int = 512 << 20,
) -> dict[str, tuple[Latency, ...]]:
    """Time the compiled call of each model, one run of each in turn, so that load falls on all.

    Per batch size about `budget_seconds` are spent, after which there are 20 runs, or as many as
    twice the budget allows; `runs` of the result says how many there were. A batch whose
    activations would not fit into `budget_bytes`, or whose calls would take longer still, is made
    smaller: `examples` says how large it was. A model that takes strings is not timed.
    """
    found: dict[str, list[Latency]] = {name: [] for name in models}
    if any(t.dtype == "string" for model in models.values() for t in model.inputs):
        return dict.fromkeys(models, ())
    calls = {name: _compiled(model) for name, model in models.items()}
    timed: set[int] = set()
    longest = 2 * budget_seconds
    for wanted in batches:
        batch = min(examples_within(model, budget_bytes, wanted) for model in models.values())
        if timed:
            batch = min(batch, _within(found, longest))
        batch = next(iter(models.values())).inputs[0].shape[0] or batch  # One that is fixed.
        if batch in timed:
            continue
        timed.add(batch)
        given = {name: _examples(model, batch) for name, model in models.items()}
        seconds = _interleaved(calls, given, runs, budget_seconds, longest)
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


def _within(found: Mapping[str, list[Latency]], longest: float) -> int:
    """Examples of a batch whose fewest calls take no longer, were it no faster than one by one."""
    once = sum(each[-1].median_ms / each[-1].examples for each in found.values()) / 1e3
    fitting = max(1, int(longest / (once * _FEWEST_CALLS)))
    return 1 << (fitting.bit_length() - 1)


def _interleaved(
    calls: Mapping[str, Callable[[Any], Any]],
    given: Mapping[str, Any],
    runs: int,
    budget_seconds: float,
    longest: float,
) -> dict[str, list[float]]:
    start = time.perf_counter()
    for turn in range(_WARM_UP):
        if turn and time.perf_counter() - start > budget_seconds:
            break
        for name, call in calls.items():
            _wait(call(given[name]))
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    start = time.perf_counter()
    for run in range(runs):
        spent = time.perf_counter() - start
        if spent > (budget_seconds if run >= _MINIMUM_RUNS else longest):
            break
        for name, call in calls.items():
            began = time.perf_counter()
            _wait(call(given[name]))
            seconds[name].append(time.perf_counter() - began)
    return seconds


def _compiled(model: keras.Model) -> Callable[[Any], Any]:
    """The call, traced once for batches of any size: for each size anew it takes longer than the
    timing of a small network, which comes out the same."""
    traced = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    call = traced.get_concrete_function(_signature(model))
    return lambda inputs: call(inputs)


def _signature(model: keras.Model) -> Any:
    """Inputs of any batch, or of the one that is fixed; other free dimensions are settled."""

    def settled(tensor: Any) -> tf.TensorSpec:
        sizes = (size or FREE_DIMENSION for size in tensor.shape[1:])
        return tf.TensorSpec((tensor.shape[0], *sizes), tensor.dtype)

    graph: Any = getattr(model, "_functional", None) or model
    return keras.tree.map_structure(settled, graph._inputs_struct)


def _wait(outputs: Any) -> None:
    """Hold on until the numbers are there: an accelerator answers before it is done."""
    for tensor in keras.tree.flatten(outputs):
        tensor.numpy()


def _examples(model: keras.Model, batch: int) -> Any:
    rng = np.random.default_rng(0)

    def draw(spec: tf.TensorSpec) -> Any:
        shape = (batch, *spec.shape[1:])
        if spec.dtype.is_floating:
            return tf.constant(rng.standard_normal(shape), dtype=spec.dtype)
        return tf.zeros(shape, dtype=spec.dtype)

    return keras.tree.map_structure(draw, _signature(model))
