"""report.json: everything found, in the shape that `prunery.reports` draws."""

from __future__ import annotations

import math
import platform
import shlex
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from prunery import __version__
from prunery.specs.datasets import DatasetOptions
from prunery.specs.models import FrozenInfo
from prunery.specs.report import (
    TOLD_AS_TIMES,
    Data,
    Interval,
    Method,
    ModelFigures,
    Report,
    Verdict,
)
from worker.engine import threads
from worker.engine.compaction import certificate
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.ladder import Ladder
from worker.engine.lottery.results import counted
from worker.engine.lottery.results.finish import files_of
from worker.engine.lottery.results.result import Result

REWOUND = ("initial", "step", "epoch")
# Weights are told beside the file where they became fewer by so many times what it became smaller.
TOLD_APART = 1.5
PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "h5py")


def report(bench: Bench, ladder: Ladder, result: Result, seconds: float) -> Report:
    """Lay everything together."""
    assert result.dense is not None
    assert result.compact is not None
    assert bench.spec.out_dir is not None
    levels = tuple(
        record.report.model_copy(update={"chosen": record.level == ladder.chosen})
        for record in ladder.records
    )
    return Report(
        job_id=bench.spec.job_id,
        name=bench.spec.job_name or bench.spec.model_filename or bench.summary.name,
        model_filename=bench.spec.model_filename,
        created_at=datetime.fromtimestamp(time.time(), UTC),
        seconds=round(seconds, 2),
        verdict=_verdict(bench, ladder, result),
        task=bench.task,
        data=_data(bench),
        dense=result.dense,
        compact=result.compact,
        comparison=result.comparison,
        outputs=result.outputs,
        levels=levels,
        chosen_level=ladder.chosen,
        controls=tuple(result.control_results),
        layers=counted.layers(bench, result.trial),
        not_removed=_not_removed(bench, result),
        proofs=(certificate.proof(result.certificate),),
        warnings=tuple(bench.reporter.warnings),
        method=_method(bench),
        extra={
            name: bench.facts[name]
            for name in ("width_plans", "sensitivity")
            if name in bench.facts
        },
    )


def _verdict(bench: Bench, ladder: Ladder, result: Result) -> Verdict:
    assert result.dense is not None
    assert result.compact is not None
    outcome = _outcome(bench, ladder, result)
    winning, margin = _winning(bench, ladder, result)
    smaller = _smaller(result.dense, result.compact)
    words = {
        "smaller": smaller,
        "over_limit": smaller + " Not every target could be met.",
        "nothing_within": "Nothing smaller stayed within the limit: the model comes back whole.",
        "nothing_to_remove": "No part of this model can be removed; it comes back unchanged.",
        "at_chance": "The model never learned to do better than guessing on these examples.",
    }
    if len(ladder.records) < 2:
        words["nothing_within"] = "Stopped before anything smaller was done: the model comes back."
    difference = result.comparison.difference
    sentence = words[outcome]
    if difference is not None and outcome in ("smaller", "over_limit"):
        sentence += (
            f" {bench.task.metric} changes by {difference.value:+.4g} "
            f"(95% certain: {difference.low:+.4g} to {difference.high:+.4g})."
        )
    return Verdict(
        outcome=outcome,
        sentence=sentence,
        shipped=result.shipped,
        winning_ticket=winning,
        ticket_margin=margin,
        target_met=ladder.target_met,
    )


def _smaller(dense: ModelFigures, compact: ModelFigures) -> str:
    """How much was won; of a tiny model, or of a masked one, the file says little."""
    times = dense.size_bytes / max(1, compact.size_bytes)
    fewer = dense.live_parameters / max(1, compact.live_parameters)
    if times < TOLD_AS_TIMES:
        return f"{fewer:.2f} times fewer live weights, in a file of about the same size."
    told = math.floor(10 * times) / 10  # never more than there is, as in the headline
    if fewer < TOLD_APART * times:
        return f"{told:.1f} times smaller."
    weights = math.floor(10 * fewer) / 10
    return f"{told:.1f} times smaller, with {weights:.1f} times fewer live weights."


def _outcome(bench: Bench, ladder: Ladder, result: Result) -> Any:
    if ladder.at_chance or _at_chance(bench, result):
        return "at_chance"
    if ladder.chosen == 0:
        unprunable = bench.recipe.granularity == "unit" and not bench.graph.groups
        return "nothing_to_remove" if unprunable else "nothing_within"
    return "over_limit" if ladder.target_met is False else "smaller"


def _at_chance(bench: Bench, result: Result) -> bool:
    """Whether the dense model's interval fails to clear what the labels alone would give."""
    metric = result.dense.metric if result.dense else None
    if bench.metric is None or metric is None or bench.dataset is None or not bench.trains:
        return False
    from worker.engine import evaluation

    split = bench.dataset.test if len(bench.dataset.test) else bench.judged_split
    level = evaluation.baseline(bench.metric, split.y)
    near = metric.low if bench.metric.higher_is_better else metric.high
    return not bench.metric.better(near, level)


def _winning(bench: Bench, ladder: Ladder, result: Result) -> tuple[bool | None, Interval | None]:
    """A winning ticket beat every control of its level beyond the noise, and was itself shipped.

    Fresh weights are none, and have no margin: they are what a ticket is held against. Weights that
    were never reset cannot win or lose as one, but are told against the controls.
    """
    margins = [
        r.difference
        for r in result.control_results
        if r.level == ladder.chosen and r.difference is not None
    ]
    if not margins or ladder.chosen == 0:
        return None, None
    if ladder.records[ladder.chosen].notes["rewind"] == "fresh":
        return False, None
    smaller_is_better = bench.metric is not None and not bench.metric.higher_is_better

    def surely_gained(margin: Interval) -> float:
        return -margin.high if smaller_is_better else margin.low

    best = min(margins, key=lambda margin: -margin.value if smaller_is_better else margin.value)
    beaten = all(surely_gained(margin) > 0 for margin in margins)
    if result.shipped == "fine_tuned":
        return None, best
    return beaten and result.shipped == "pruned", best


def _data(bench: Bench) -> Data:
    dataset = bench.dataset
    if dataset is None:
        return Data()
    return Data(
        format=dataset.format,
        examples=dict(dataset.examples),
        scale=dataset.scale.name,
        resize=dataset.resize,
        labels=dataset.labels,
        label_mapping=dataset.label_mapping,
        sha256=dataset.sha256,
        notes=tuple(dataset.notes),
        test_seen=bench.trained and "test" in dataset.drawn,
    )


def _not_removed(bench: Bench, result: Result) -> tuple[FrozenInfo, ...]:
    known = {info.layer for info in bench.graph.frozen}
    others = result.trial.compacted.not_removed.items()
    more = tuple(FrozenInfo(layer=k, reason=v) for k, v in others if k not in known)
    return tuple(bench.graph.frozen) + more


def _method(bench: Bench) -> Method:
    assert bench.spec.out_dir is not None
    return Method(
        recipe=bench.recipe,
        decisions=tuple(bench.reporter.decisions),
        seeds={"recipe": bench.seed, "dataset": bench.spec.dataset_options.seed},
        versions=_versions(),
        hardware={
            "processor": platform.processor() or platform.machine(),
            "system": f"{platform.system()} {platform.machine()}",
            "threads": str(threads.in_use()),
            **_accelerators(),
        },
        sandbox=bench.spec.sandbox,
        training_loop=bench.loop if bench.trains else None,
        model_sha256=bench.loaded.sha256,
        dataset_sha256=bench.dataset.sha256 if bench.dataset else None,
        files=files_of(bench.spec.out_dir),
        command=_command(bench),
    )


def _versions() -> dict[str, str]:
    found = {"prunery": __version__, "python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _accelerators() -> dict[str, str]:
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    return {"gpu": ", ".join(d.name for d in devices)} if devices else {}


def _command(bench: Bench) -> str:
    """The command that repeats the job bit for bit, given the same files and the report itself."""
    spec = bench.spec
    parts = ["prunery", "local", "prune", spec.model_filename or "model.keras"]
    if spec.dataset is not None:
        parts.append(spec.dataset_filename or "data.npz")
    if spec.initial_model is not None:
        parts += ["--initial-model", "initial.keras"]
    if spec.architecture_filename is not None:
        parts += ["--architecture", spec.architecture_filename]
    parts += _reading(spec.dataset_options)
    if bench.trains and bench.recipe.training.loop == "auto":
        # Loops and threads differ in rounding, and another trial may choose others.
        parts += ["--set", f"training.loop={bench.loop}"]
    if bench.trains and bench.recipe.training.threads == "auto":
        parts += ["--set", f"training.threads={threads.in_use()}"]
    return shlex.join([*parts, "--recipe", "report.json", "--out", "again"])


def _reading(options: DatasetOptions) -> list[str]:
    """How the dataset is read, where that is not as usual."""
    usual = DatasetOptions()
    parts = [] if options.label_column is None else ["--label-column", options.label_column]
    for column in options.feature_columns or ():
        parts += ["--feature-column", column]
    for name in ("validation_fraction", "test_fraction", "seed"):
        if getattr(options, name) != getattr(usual, name):
            parts += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    return parts
