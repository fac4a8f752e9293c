"""The same job again under other seeds: one run says little about how sure a figure is.

The first replicate is the job itself. An untrained upload is drawn anew for each of the others; a
trained one keeps its weights and changes only the order of its data and the draws of its controls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from prunery.specs.job import EngineSpec
from prunery.specs.report import Replicate
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.ladder import climb
from worker.engine.lottery.levels import LevelStore
from worker.engine.lottery.reopening import reopen
from worker.engine.lottery.results.finish import contest
from worker.engine.lottery.results.measuring import test_metric
from worker.engine.lottery.results.result import Result
from worker.engine.lottery.settling.setup import set_up
from worker.engine.lottery.trainer import Trainer
from worker.engine.reporter import Reporter


def first(bench: Bench, result: Result) -> Replicate:
    """The job's own run."""
    dense, compact = result.dense, result.compact
    return Replicate(
        seed=bench.seed,
        dense=dense.metric.value if dense and dense.metric else None,
        compact=compact.metric.value if compact and compact.metric else None,
        controls=_controls(bench, result),
    )


def others(spec: EngineSpec, bench: Bench, recipe_hash: str) -> Iterator[Replicate]:
    """Run the recipe's other replicates, one after another, each with levels of its own."""
    assert spec.recipe is not None
    root = spec.checkpoint_dir or bench.folder("checkpoint")
    for number in range(1, spec.recipe.replicates):
        folder = root / "replicates" / str(number)
        only = {"seed": spec.recipe.seed + number, "controls_on": "chosen"}
        recipe = spec.recipe.model_copy(update=only)
        own = spec.model_copy(update={"recipe": recipe, "checkpoint_dir": folder / "checkpoint"})
        bench.reporter.stage("dense")
        quiet = Reporter(bench.reporter.sink_without_levels())
        again = replace(set_up(own, quiet), seed=recipe.seed, loop=bench.loop)
        again.facts["redraw"] = not again.trained
        store = LevelStore(folder / "levels", f"{recipe_hash}-{number}", again)
        yield _run(again, Trainer(again), store)
        bench.reporter.finish(f"replicate/{number}")


def _run(bench: Bench, trainer: Trainer, store: LevelStore) -> Replicate:
    ladder = climb(bench, trainer, store)
    result = contest(bench, trainer, store, ladder)
    return Replicate(
        seed=bench.seed,
        dense=test_metric(bench, reopen(bench, store, 0).compacted.model),
        compact=test_metric(bench, result.trial.compacted.model),
        controls=_controls(bench, result),
    )


def _controls(bench: Bench, result: Result) -> dict[str, float]:
    """What the chosen level's controls come to on test examples."""
    return {
        rival.result.control: value
        for rival in result.rivals
        if (value := test_metric(bench, rival.trial.compacted.model)) is not None
    }
