"""A job from first byte to last: what `python -m worker.engine` and `prunery local` both run."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prunery.specs.errors import PruneryError
from prunery.specs.events import DoneEvent
from prunery.specs.job import DatasetInspection, EngineSpec, ModelInspection
from prunery.specs.recipe import Recipe
from prunery.specs.report import Report
from worker.engine.reporter import Reporter

LEVEL_FILE = "model.keras"


def run(spec: EngineSpec, reporter: Reporter) -> DoneEvent:
    """Do what `spec.kind` says; raises `PruneryError` with what went wrong."""
    # One compiled call per level's network is meant; TensorFlow would warn of each. By its name,
    # for inspecting a dataset needs no TensorFlow, whose import takes seconds.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    kinds = {
        "inspect_model": _inspect_model,
        "inspect_dataset": _inspect_dataset,
        "prune": _prune,
        "choose": _choose,
    }
    with _scratch_in(spec.work_dir):
        if spec.kind != "inspect_dataset":
            from worker.engine import threads

            threads.settle(spec)
        return kinds[spec.kind](spec, reporter)


@contextmanager
def _scratch_in(folder: Path) -> Iterator[None]:
    """Temporary files belong to the job: where they are walled in, counted and have room."""
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _inspect_model(spec: EngineSpec, reporter: Reporter) -> DoneEvent:
    from worker.engine import profiling
    from worker.engine.graph import analyse
    from worker.engine.graph.prunability import prunability
    from worker.engine.loading import load, summarise

    reporter.stage("checking")
    loaded = load(_needed(spec.model), limits=spec.limits)
    summary = summarise(loaded, flops=profiling.flops(loaded.model))
    found = prunability(loaded.model, analyse(loaded.model))
    inspection = ModelInspection(summary=summary, prunability=found)
    return DoneEvent(result=inspection.model_dump(mode="json"))


def _inspect_dataset(spec: EngineSpec, reporter: Reporter) -> DoneEvent:
    from worker.engine.datasets import inspect

    reporter.stage("checking")
    path = _needed(spec.dataset)
    name = spec.dataset_filename or path.name
    summary = inspect(path, name, spec.dataset_options, spec.limits)
    return DoneEvent(result=DatasetInspection(summary=summary).model_dump(mode="json"))


def _prune(spec: EngineSpec, reporter: Reporter) -> DoneEvent:
    from worker.engine.lottery.ladder import climb
    from worker.engine.lottery.results import replicates
    from worker.engine.lottery.results.finish import contest, finish
    from worker.engine.lottery.results.reporting import report
    from worker.engine.lottery.settling.pace import set_up_at_best_pace

    began = time.monotonic()
    bench, trainer, store = _workplace(spec, set_up_at_best_pace(spec, reporter))
    ladder = climb(bench, trainer, store)
    result = finish(bench, store, ladder, contest(bench, trainer, store, ladder))
    runs = []
    if _needed_recipe(spec).replicates > 1 and bench.trains:
        runs = [replicates.first(bench, result), *replicates.others(spec, bench, store.recipe_hash)]
    written = report(bench, ladder, result, time.monotonic() - began)
    return _hand_over(spec, written.model_copy(update={"replicates": tuple(runs)}))


def _choose(spec: EngineSpec, reporter: Reporter) -> DoneEvent:
    """Make another finished level the result: certified, exported and tested like the first."""
    from worker.engine.lottery.ladder import finished
    from worker.engine.lottery.results.finish import as_it_is, finish
    from worker.engine.lottery.results.reporting import report
    from worker.engine.lottery.settling.setup import set_up

    began = time.monotonic()
    if spec.recipe is None or spec.choose_level is None:
        raise PruneryError("recipe_invalid", "Choosing needs the recipe and a level.")
    bench, trainer, store = _workplace(spec, set_up(spec, reporter))
    ladder = finished(bench, trainer, store, spec.choose_level)
    result = finish(bench, store, ladder, as_it_is(bench, store, ladder))
    looks = result.comparison.model_copy(update={"test_looks": spec.test_looks})
    result.comparison = looks
    return _hand_over(spec, report(bench, ladder, result, time.monotonic() - began))


def _workplace(spec: EngineSpec, bench):  # type: ignore[no-untyped-def]
    from worker.engine.lottery.bench import recipe_hash
    from worker.engine.lottery.levels import LevelStore
    from worker.engine.lottery.trainer import Trainer

    dataset_sha = bench.dataset.sha256 if bench.dataset else None
    levels_dir = spec.levels_dir or bench.folder("levels")
    own_hash = recipe_hash(spec, bench.loaded.sha256, dataset_sha, bench.seed)
    store = LevelStore(levels_dir, own_hash, bench)
    return bench, Trainer(bench), store


def _hand_over(spec: EngineSpec, written: Report) -> DoneEvent:
    """Write report.json and say in short what came of it."""
    out = _needed(spec.out_dir)
    (out / "report.json").write_text(written.model_dump_json(indent=1))
    names = tuple(sorted(p.name for p in out.iterdir() if p.is_file()))
    return DoneEvent(artifacts=names, result={"metrics": headline(written)})


def headline(report: Report) -> dict[str, object]:
    """The figures that a list of jobs shows."""

    def figures(side: str) -> dict[str, object]:
        one = getattr(report, side)
        return {
            "metric": one.metric.model_dump() if one.metric else None,
            "parameters": one.parameters,
            "flops": one.flops,
            "size_bytes": one.size_bytes,
            "latency_ms": one.latency[0].median_ms if one.latency else None,
        }

    difference = report.comparison.difference
    return {
        "outcome": report.verdict.outcome,
        "sentence": report.verdict.sentence,
        "shipped": report.verdict.shipped,
        "metric_name": report.task.metric,
        "chosen_level": report.chosen_level,
        "dense": figures("dense"),
        "compact": figures("compact"),
        "difference": difference.model_dump() if difference else None,
    }


def _needed_recipe(spec: EngineSpec) -> Recipe:
    if spec.recipe is None:
        raise PruneryError("recipe_invalid", "A pruning job needs a recipe.")
    return spec.recipe


def _needed(path: Path | None) -> Path:
    if path is None:
        raise PruneryError("request_invalid", "The spec names no file for this.")
    return path
