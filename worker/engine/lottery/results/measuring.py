"""What the report says of both models: the metric on the test split, sizes, latency."""

from __future__ import annotations

from typing import Any

import keras

from prunery.specs.report import (
    ControlResult,
    Interval,
    Latency,
    Level,
    ModelFigures,
    OutputFigures,
)
from worker.engine import evaluation, profiling
from worker.engine.evaluation.metrics import Arrays
from worker.engine.lottery import limits
from worker.engine.lottery.bench import Bench, assign
from worker.engine.lottery.judging import metric_interval, network_bytes, predictions
from worker.engine.lottery.ladder import Ladder
from worker.engine.lottery.levels import LevelStore
from worker.engine.lottery.results.result import Result
from worker.engine.lottery.settling.tasks import task_of
from worker.engine.training import State

LATENCY_BATCHES = (1, 256)
_SIZES = ("parameters", "live_parameters", "flops", "size_bytes", "gzip_bytes")


def measure(bench: Bench, store: LevelStore, ladder: Ladder, result: Result) -> None:
    """Both models on the test split, read once; sizes, and latency side by side.

    The dense model is the bench's own, with the weights of level 0.
    """
    bench.reporter.stage("reporting")
    dense, compact = bench.model, result.trial.compacted.model
    assign(dense, State.load(store.path(0) / "trained.npz").weights)
    timed = _latency(bench, dense, compact)
    split, metric = _test_split(bench), bench.metric
    levels = [record.report for record in ladder.records]
    own = levels[ladder.chosen] if result.trial.level == ladder.chosen else None
    result.dense = _figures(bench, dense, levels[0], timed["dense"])
    result.compact = _figures(bench, compact, own, timed["compact"])
    if metric is None or split is None:
        return
    before, after = predictions(bench, dense, split), predictions(bench, compact, split)
    found = [_output(bench, one, split.y, before, after) for one in bench.metrics]
    if result.shipped == "dense":
        found = [_unchanged(one) for one in found]
    result.comparison = found[0].comparison
    result.outputs = tuple(found) if len(found) > 1 else ()
    result.control_results = [_with_test(bench, r, result, split) for r in result.control_results]


def _output(
    bench: Bench, metric: evaluation.Metric, y: Arrays, before: Arrays, after: Arrays
) -> OutputFigures:
    """What an output is judged by, of both models."""
    task, seed = task_of(bench, metric), bench.seed_for("interval")
    return OutputFigures(
        name=metric.output or bench.summary.outputs[0].name,
        task=task,
        dense=evaluation.interval(metric, y, before, seed),
        compact=evaluation.interval(metric, y, after, seed),
        comparison=evaluation.compare(
            metric,
            y,
            before,
            after,
            seed,
            allowed_drop=limits.allowed_drop(bench, metric),
            classes=task.classes,
        ),
    )


def _unchanged(output: OutputFigures) -> OutputFigures:
    """The dense model against itself: not even chance could make a difference."""
    nothing = Interval(value=0.0, low=0.0, high=0.0)
    comparison = output.comparison.model_copy(update={"difference": nothing})
    return output.model_copy(update={"comparison": comparison})


def _latency(
    bench: Bench, dense: keras.Model, compact: keras.Model
) -> dict[str, tuple[Latency, ...]]:
    timed = profiling.latency({"dense": dense, "compact": compact}, LATENCY_BATCHES)
    largest = max((one.examples for one in timed["dense"]), default=LATENCY_BATCHES[-1])
    if largest < LATENCY_BATCHES[-1]:
        bench.reporter.warn(
            "latency_batch",
            f"{LATENCY_BATCHES[-1]} examples at once would take too much memory or time here: "
            f"latency was measured with up to {largest}.",
        )
    return timed


def _with_test(bench: Bench, found: ControlResult, result: Result, split: Any) -> ControlResult:
    """Where nothing was held out for choosing, the chosen level's controls are told on test."""
    assert bench.dataset is not None
    if len(bench.dataset.validation):
        return found
    rival = next((r for r in result.rivals if r.result is found), None)
    if rival is None or bench.metric is None:
        return found
    metric = metric_interval(bench, rival.trial.compacted.model, split)
    compared = evaluation.compare(
        bench.metric,
        split.y,
        predictions(bench, rival.trial.compacted.model, split),
        predictions(bench, result.trial.compacted.model, split),
        bench.seed_for("interval"),
    )
    return found.model_copy(
        update={"metric": metric, "difference": compared.difference, "note": "on test examples"}
    )


def _test_split(bench: Bench) -> Any:
    """Test examples, else validation: the report's table says which."""
    dataset = bench.dataset
    if dataset is None:
        return None
    for split in (dataset.test, dataset.validation, dataset.train):
        if len(split):
            return split
    return None


def _figures(
    bench: Bench, model: keras.Model, level: Level | None, latency: tuple[Latency, ...]
) -> ModelFigures:
    """`level`: what was measured already, when the network was made."""
    split = _test_split(bench)
    metric: Interval | None = metric_interval(bench, model, split) if split is not None else None
    sizes = _sizes(bench, model) if level is None else {f: getattr(level, f) for f in _SIZES}
    return ModelFigures(metric=metric, latency=latency, **sizes)


def _sizes(bench: Bench, model: keras.Model) -> dict[str, Any]:
    size, packed = network_bytes(bench, model)
    return {
        "parameters": profiling.parameters(model),
        "live_parameters": profiling.live_parameters(model),
        "flops": profiling.flops(model),
        "size_bytes": size,
        "gzip_bytes": packed,
    }


def test_metric(bench: Bench, model: keras.Model) -> float | None:
    """The metric on the split that the report tests on; None where nothing can be judged."""
    split = _test_split(bench)
    if bench.metric is None or split is None:
        return None
    return float(bench.metric.value(split.y, predictions(bench, model, split)))
