"""Whole jobs on small tasks, against uniformly narrower nets trained from scratch.

    python -m benchmarks.tasks [--preset balanced] [--seeds 1] [NAME ...]

For each task: the job's dense and compact network on test examples, and the smallest of the
narrower nets (same optimizer, as many epochs, early stopping on a tenth of train, `fit`) that
stays within the preset's limit of the dense one. `times`: its parameters over ours.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.task_data import TASKS, Arrays, Task
from prunery.specs.report import Report
from worker.engine.evaluation import Metric
from worker.engine.lottery.objectives import Limit
from worker.local.commands import prune

WIDTHS = (0.75, 0.5, 0.35, 0.25, 0.15, 0.08)
HEADINGS = ("task", "metric", "dense", "ours", "of", "parameters", "narrow needs", "times", "s")


@dataclass(frozen=True)
class Rival:
    """A narrower net: its parameters, and its figure on test examples."""

    parameters: int
    value: float


def main() -> None:
    """Run the tasks named, or all, and print the table row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*TASKS, []])
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    _print(HEADINGS)
    _print(["---"] * len(HEADINGS))
    for name in arguments.names or TASKS:
        for seed in range(arguments.seeds):
            _print(_row(name, TASKS[name], arguments.preset, seed))


def _row(name: str, task: Task, preset: str, seed: int) -> list[str]:
    data = task.data()
    began = time.perf_counter()
    report = _job(task, data, preset, seed)
    seconds = time.perf_counter() - began
    dense, compact = report.dense.metric, report.compact.metric
    assert dense is not None
    assert compact is not None
    needed = None
    if report.verdict.outcome != "at_chance":
        needed = _smallest(report, [_narrow(task, data, width, report, seed) for width in WIDTHS])
    ours = report.compact.parameters
    return [
        name,
        str(report.task.metric),
        f"{dense.value:.4f}",
        f"{compact.value:.4f}" if ours < report.dense.parameters else report.verdict.outcome,
        f"{report.dense.parameters:,}",
        f"{ours:,}",
        f"{needed:,}" if needed else "–",
        f"{needed / ours:.1f}" if needed else "–",
        f"{seconds:.0f}",
    ]


def _job(task: Task, data: Arrays, preset: str, seed: int) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        model, dataset = Path(folder, "net.keras"), Path(folder, "data.npz")
        keras.utils.set_random_seed(seed)
        task.build(1.0).save(model)
        np.savez(dataset, **data)  # type: ignore[arg-type]
        return prune(model, dataset, {"preset": preset, "seed": seed}, Path(folder, "out"))


def _narrow(task: Task, data: Arrays, width: float, report: Report, seed: int) -> Rival:
    """Train a narrower net from scratch, as the job's dense network was."""
    keras.utils.set_random_seed(seed)
    model = task.build(width)
    model.steps_per_execution = 16  # the same training, with less time between the steps
    chosen = {decision.field: decision.chosen for decision in report.method.decisions}
    x, y = _examples(data, "train", report)
    order = np.random.default_rng(seed).permutation(len(y))
    held, rest = order[: len(y) // 10], order[len(y) // 10 :]
    epochs = int(chosen["training.epochs"])
    model.fit(
        keras.tree.map_structure(lambda array: array[rest], x),
        y[rest],
        validation_data=(keras.tree.map_structure(lambda array: array[held], x), y[held]),
        batch_size=int(chosen["training.batch_size"]),
        epochs=epochs,
        callbacks=[
            keras.callbacks.EarlyStopping(
                patience=min(max(3, epochs // 4), 20), restore_best_weights=True
            )
        ],
        verbose=0,
    )
    metric = Metric(str(report.task.metric), report.task.kind, "")
    x, y = _examples(data, "test", report)
    return Rival(model.count_params(), metric.value(y, np.asarray(model.predict(x, verbose=0))))


def _examples(data: Arrays, split: str, report: Report) -> tuple[np.ndarray | Arrays, np.ndarray]:
    """The input, or inputs by name, scaled as the job scaled them, and what they are to give."""
    arrays = {key.removesuffix(f"_{split}"): data[key] for key in data if key.endswith(split)}
    y = arrays.pop("y", None)
    if report.data.scale == "0..1":
        arrays = {name: array.astype("float32") / 255 for name, array in arrays.items()}
    x = arrays["x"] if len(arrays) == 1 else arrays
    return x, arrays["x"] if y is None else y


def _smallest(report: Report, rivals: list[Rival]) -> int:
    """Parameters of the smallest net within the limit; the dense net itself is one."""
    assert report.dense.metric is not None
    limit = Limit(
        report.dense.metric.value,
        report.method.recipe.objective.max_metric_drop,
        report.task.metric_higher_is_better,
        report.task.drop_is_relative,
    )
    fitting = [rival.parameters for rival in rivals if limit.holds(rival.value)]
    return min(fitting, default=report.dense.parameters)


def _print(cells: list[str] | tuple[str, ...]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
