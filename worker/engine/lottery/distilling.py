"""One trial of learning from the dense model, at the chosen level; kept only beyond the noise.

The temperature is 1: at 4 it lost a point when it was measured (engine.md, section 5).
"""

from __future__ import annotations

from worker.engine import evaluation
from worker.engine.compaction import ticket
from worker.engine.lottery import limits, trials
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.dense import Dense
from worker.engine.lottery.judging import predictions
from worker.engine.lottery.levels import LevelRecord, LevelStore, load_arrays
from worker.engine.lottery.plans import retrain_epochs
from worker.engine.lottery.rewinding import Arm, redraw
from worker.engine.lottery.trainer import Trainer
from worker.engine.lottery.trials import Teaching, Trial
from worker.engine.training import State

WORK = "distilled/trial"


def wanted(bench: Bench, record: LevelRecord) -> bool:
    """Whether the recipe asks for a trial, and there is something to choose by."""
    share = bench.recipe.training.distillation
    held_out = bench.dataset is not None and len(bench.dataset.validation) > 0
    return bool(share and record.level and bench.trains and bench.loss is not None and held_out)


def distilled(
    bench: Bench,
    trainer: Trainer,
    store: LevelStore,
    dense: Dense,
    record: LevelRecord,
    plain: Trial,
) -> Trial | None:
    """Train the chosen level once more with the dense model as its teacher.

    Returns the new network where its validation metric is better beyond the noise (and every other
    output within the limit), else None; the report says which, and by how much.
    """
    arm = Arm(record.notes["rewind"], record.notes["schedule"])
    previous = State.load(store.path(record.notes["basis"]) / "trained.npz").weights
    folder = store.path(record.level)
    units = bench.recipe.granularity == "unit"
    choice = load_arrays(folder / "kept.npz") if units else ticket.load(folder / "ticket.npz")[0]
    share = bench.recipe.training.distillation
    trial = trials.train(
        bench,
        trainer,
        WORK,
        choice,
        trials.beginning(bench, arm, dense, previous),
        schedule=arm.schedule,
        epochs=retrain_epochs(bench, dense.epochs),
        seed=bench.seed_for("dense"),
        teaching=Teaching(dense.teacher(), share),
        **redraw(bench, arm, record.level),
    )
    return trial if _better(bench, plain, trial, share) else None


def _better(bench: Bench, plain: Trial, taught: Trial, share: float) -> bool:
    assert bench.metric is not None
    split = bench.judged_split
    found = evaluation.compare(
        bench.metric,
        split.y,
        predictions(bench, plain.compacted.model, split),
        predictions(bench, taught.compacted.model, split),
        bench.seed_for("interval"),
    ).difference
    if found is None:
        return False
    up = bench.metric.higher_is_better
    better = found.low > 0 if up else found.high < 0
    kept = better and limits.others_hold(bench, taught.compacted.model)
    bench.reporter.decide(
        "training.distillation",
        f"{share:g}" if kept else "0",
        f"Tried once at the chosen level: {bench.metric.name} {found.value:+.4g} "
        f"({found.low:+.4g} to {found.high:+.4g}) on validation.",
    )
    return kept
