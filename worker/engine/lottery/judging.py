"""A level's figures: its metric on validation examples, its sizes, its time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras

from prunery.specs.job import Figures
from prunery.specs.report import Interval, Level
from worker.engine import evaluation, profiling, saving
from worker.engine.evaluation import MeanSkill, Metric
from worker.engine.lottery.bench import Bench


def predictions(bench: Bench, model: keras.Model, split: Any) -> Any:
    """Outputs of a model over a split, scaled as the job scales."""
    assert bench.dataset is not None
    return evaluation.predict(model, split, bench.dataset.scale)


def metric_value(bench: Bench, model: keras.Model) -> float | None:
    """The metric on the examples that levels are chosen by; None where nothing can be judged."""
    return _value(bench, model, bench.metric)


def gauge_value(bench: Bench, model: keras.Model) -> float | None:
    """The gauge on the same examples."""
    return _value(bench, model, bench.gauge)


def _value(bench: Bench, model: keras.Model, by: Metric | MeanSkill | None) -> float | None:
    if by is None or bench.dataset is None:
        return None
    split = bench.judged_split
    return float(by.value(split.y, predictions(bench, model, split)))


def metric_interval(bench: Bench, model: keras.Model, split: Any) -> Interval | None:
    if bench.metric is None or not len(split):
        return None
    outputs = predictions(bench, model, split)
    return evaluation.interval(bench.metric, split.y, outputs, bench.seed_for("interval"))


def level_report(bench: Bench, model: keras.Model, draft: Level, *, seconds: float) -> Level:
    """Fill in what can be measured on the level's compact network."""
    size, packed = network_bytes(bench, model)
    metric = metric_interval(bench, model, bench.judged_split) if bench.judges else None
    return draft.model_copy(
        update={
            "metric": metric,
            "parameters": profiling.parameters(model),
            "live_parameters": profiling.live_parameters(model),
            "flops": profiling.flops(model),
            "size_bytes": size,
            "gzip_bytes": packed,
            "latency_ms": _latency(bench, model),
            "seconds": round(seconds, 3),
        }
    )


def network_bytes(bench: Bench, model: keras.Model) -> tuple[int, int]:
    """Bytes of the saved network, plain and gzipped, without the optimizer's state.

    Only further training needs that state, and an upload may come without it: with it, before and
    after would not be the same thing.
    """
    with tempfile.TemporaryDirectory(dir=bench.folder("measure")) as folder:
        path = Path(folder, "model.keras")
        saving.save(model, path, with_optimizer=False)
        return profiling.size_bytes(path), profiling.gzip_bytes(path)


def figures_of(level: Level) -> Figures:
    """The short form that travels with the level's event."""
    metric = level.metric
    return Figures(
        metric=metric.value if metric else None,
        metric_low=metric.low if metric else None,
        metric_high=metric.high if metric else None,
        loss=level.loss,
        parameters=level.parameters,
        flops=level.flops,
        size_bytes=level.size_bytes,
        density=level.density,
        latency_ms=level.latency_ms,
    )


def _latency(bench: Bench, model: keras.Model) -> float | None:
    """Measured per level only where the objective asks: it costs seconds and is noisy."""
    if bench.recipe.objective.latency_ratio is None:
        return None
    timed = profiling.latency({"level": model}, batches=(1,), runs=100)["level"]
    return timed[0].median_ms if timed else None
