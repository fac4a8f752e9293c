"""One round of the ladder: choose what goes, rewind, retrain, keep the better arm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prunery.specs.report import Level
from worker.engine import masks as masks_module
from worker.engine import saving
from worker.engine.arrays import Arrays
from worker.engine.compaction import rebuild, ticket
from worker.engine.lottery import limits, trials
from worker.engine.lottery.bench import Bench, assign
from worker.engine.lottery.cutting import sizes, unit_cut, weight_cut
from worker.engine.lottery.dense import Dense
from worker.engine.lottery.descent import Step, is_adaptive
from worker.engine.lottery.judging import figures_of, gauge_value, level_report, metric_value
from worker.engine.lottery.levels import LevelRecord, LevelStore, load_arrays, save_arrays
from worker.engine.lottery.plans import distillation_share, retrain_epochs
from worker.engine.lottery.rewinding import Arm, redraw
from worker.engine.lottery.trainer import Trainer
from worker.engine.lottery.trials import Teaching, Trial
from worker.engine.masks import Masks
from worker.engine.pruning.widths import Kept
from worker.engine.training import State, recalibrate

ONLY_ONE = "The first that was tried at the chosen size stayed within the limit."


def work_name(level: int, arm: Arm) -> str:
    """The name under which the training of an arm is planned, resumed and remembered."""
    return f"level-{level}/{arm.rewind}-{arm.schedule.replace(' ', '_')}"


def say_which_arm(bench: Bench, arm: Arm, why: str) -> None:
    """Note how a level is trained, as far as the recipe leaves it open."""
    if bench.recipe.rewind.to == "auto":
        bench.reporter.decide("rewind.to", arm.rewind, why)
    if bench.recipe.training.schedule == "auto":
        bench.reporter.decide("training.schedule", arm.schedule, why)


class Round:
    """Everything one level is made from."""

    def __init__(self, bench: Bench, trainer: Trainer, store: LevelStore, dense: Dense) -> None:
        self._bench = bench
        self._trainer = trainer
        self._store = store
        self._dense = dense
        self._why = ""
        self._misses: dict[tuple[str, float | None], limits.Miss | None] = {}

    def play(self, level: int, step: Step, arms: Sequence[Arm]) -> LevelRecord:
        """Make level `level` by `arms`, keep the one that validates best, write it down.

        All arms are tried; where steps adapt to the limit, only until one stays within it.
        """
        bench, began = self._bench, time.monotonic()
        self._misses.clear()
        levels = bench.facts.get("levels")
        bench.reporter.stage("pruning", level, levels)
        previous = State.load(self._store.path(step.basis) / "trained.npz").weights
        choice = self._choose(level, step, previous)
        before = self._judge_cut(choice, previous)
        bench.reporter.stage("retraining", level, levels)
        arm, trial, lost = self._tried(level, arms, choice, previous)
        bench.reporter.stage("compacting", level, levels)
        record = self._write(level, step, arm, trial, choice, before, began, lost)
        self._trainer.forget(f"level-{level}/")
        return record

    def _choose(self, level: int, step: Step, previous: Arrays) -> Kept | Masks:
        bench, basis, initial = self._bench, step.basis, self._dense.start()
        start = initial.weights if initial is not None else None
        folder = self._store.path(basis)
        if bench.recipe.granularity == "unit":
            kept = load_arrays(folder / "kept.npz") if basis else unit_cut.all_units(bench)
            cut = unit_cut.cut_units(
                bench,
                level,
                kept,
                step.fraction,
                previous,
                start,
                self._judge(previous, gauge_value),
                step.group,
            )
            for note in cut.notes:
                bench.reporter.warn("threshold", note)
            bench.facts.setdefault("width_plans", {})[level] = cut.plan
            return cut.kept
        mask = ticket.load(folder / "ticket.npz")[0] if basis else weight_cut.all_weights(bench)
        return weight_cut.cut_weights(bench, level, mask, previous, start)

    def _judge(self, previous: Arrays, value: Any) -> Any:
        """Judge trained weights after a cut: BatchNorm recalibrated, not retrained."""
        bench = self._bench

        def judge(kept: Kept) -> float | None:
            if not bench.judges or not bench.trains:
                return None
            assign(bench.model, previous)
            small = rebuild.compact(bench.model, bench.graph, kept, compiled=False).model
            if bench.summary.has_normalization and bench.dataset is not None:
                recalibrate(small, bench.dataset.train, bench.dataset.scale)
            return value(bench, small)

        return judge

    def _judge_cut(self, choice: Kept | Masks, previous: Arrays) -> float | None:
        bench = self._bench
        if bench.recipe.granularity == "unit":
            return self._judge(previous, metric_value)(choice)
        if not bench.judges:
            return None
        assign(bench.model, previous)
        masks_module.apply(bench.model, choice)
        return metric_value(bench, bench.model)

    def _tried(
        self, level: int, arms: Sequence[Arm], choice: Kept | Masks, previous: Arrays
    ) -> tuple[Arm, Trial, Arm | None]:
        """The arm that won, its network, and the arm that did worst where three or more ran."""
        bench, tried = self._bench, []
        for arm in arms:
            trial = self._try(level, arm, choice, previous)
            tried.append((arm, trial))
            if is_adaptive(bench.recipe) and not self._missed(trial, trial.best):
                self._say_what_won(tried, arm)
                return arm, trial, None
        best = self._better(tried)
        self._say_what_won(tried, best[0])
        return *best, self._worst(tried) if len(tried) > 2 else None

    def _missed(self, trial: Trial, value: float | None) -> limits.Miss | None:
        """Worked out once for a figure: it may take a pass over all training examples."""
        asked = trial.name, value
        if asked not in self._misses:
            self._misses[asked] = limits.missed(self._bench, trial.compacted.model, value)
        return self._misses[asked]

    def _try(self, level: int, arm: Arm, choice: Kept | Masks, previous: Arrays) -> Trial:
        bench = self._bench
        return trials.train(
            bench,
            self._trainer,
            work_name(level, arm),
            choice,
            trials.beginning(bench, arm, self._dense, previous),
            schedule=arm.schedule,
            epochs=retrain_epochs(bench, self._dense.epochs),
            seed=bench.seed_for("dense"),  # the same order of data as the dense training
            teaching=self._teaching(),
            **redraw(bench, arm, level),
        )

    def _teaching(self) -> Teaching | None:
        """Without labels the dense model is all there is to learn from."""
        share = distillation_share(self._bench)
        return Teaching(self._dense.teacher(), share) if share and self._bench.trains else None

    def _better(self, tried: list[tuple[Arm, Trial]]) -> tuple[Arm, Trial]:
        """By the main metric; those that keep every other output within the limit come first."""
        metric = self._bench.metric
        within = [one for one in tried if limits.others_hold(self._bench, one[1].compacted.model)]
        best, *others = within or tried
        for arm, trial in others:
            ours, theirs = best[1].best, trial.best
            if metric is None or ours is None or theirs is None:
                continue
            if metric.better(theirs, ours):
                best = (arm, trial)
        return best

    def _worst(self, tried: list[tuple[Arm, Trial]]) -> Arm:
        """Of equal ones the last; the arm that won is never it."""
        left = tried[:]
        while len(left) > 1:
            left.remove(self._better(left))
        return left[0][0]

    def _say_what_won(self, tried: list[tuple[Arm, Trial]], won: Arm) -> None:
        self._why = ONLY_ONE
        if len(tried) > 1:
            said = "; ".join(f"{arm.name}: {trial.best:.4g}" for arm, trial in tried if trial.best)
            self._why = f"Tried at the same size, on validation: {said}."
            say_which_arm(self._bench, won, self._why)

    def _write(
        self,
        level: int,
        step: Step,
        arm: Arm,
        trial: Trial,
        choice: Any,
        before: float | None,
        began: float,
        lost: Arm | None,
    ) -> LevelRecord:
        bench = self._bench
        run = trial.run
        draft = Level(
            level=level,
            metric_before_retraining=before,
            parameters=0,
            live_parameters=0,
            size_bytes=0,
            density=self._density(choice),
            epochs_trained=run.epochs if run else 0,
            arm=arm.name if run else "not retrained",
            notes=(*trial.compacted.notes, *((f"stopped: {run.stopped_why}",) if run else ())),
        )
        model = trial.compacted.model
        judged = level_report(bench, model, draft, seconds=time.monotonic() - began)
        value = judged.metric.value if judged.metric else None
        miss = self._missed(trial, value)
        margin = limits.margin(bench, model, value)
        # One group more is a try more, and of many tries the luckiest would pass.
        within = miss is None and (step.group is None or margin.is_clear)
        others = miss is not None and miss.metric is not bench.metric
        why = miss.why if miss is not None and others else None
        judged = judged.model_copy(update={"within_limit": within, "why_missed": why})

        def fill(folder: Path) -> None:
            saving.save(model, folder / "model.keras")
            ticket.save(folder / "ticket.npz", trial.mask, trial.rewound)
            State(weights=trial.full).save(folder / "trained.npz")
            if trial.kept is not None:
                save_arrays(folder / "kept.npz", trial.kept)

        record = LevelRecord(
            level=level,
            recipe_hash="",
            figures=figures_of(judged),
            report=judged,
            within_limit=within,
            notes={
                "rewind": arm.rewind,
                "schedule": arm.schedule,
                "lost": None if lost is None else (lost.rewind, lost.schedule),
                "basis": step.basis,
                "fraction": step.fraction,
                "group": step.group,
                "has_room": margin.has_room,
                "hopeless": margin.is_hopeless,
                "why": self._why,
                "least": trial.kept is not None and unit_cut.at_minimum(bench, trial.kept),
                "epochs": self._epochs(step.basis, arm, run.epochs if run else 0),
            },
        )
        return self._store.write(record, fill)

    def _epochs(self, basis: int, arm: Arm, own: int) -> int:
        """Epochs that the level's weights have seen, those of the levels before them included."""
        if arm.starts_over:
            return own
        record = self._store.read(basis)
        before = record.notes.get("epochs", self._dense.epochs) if record else 0
        return int(before) + own

    def _density(self, choice: Any) -> float:
        bench = self._bench
        if bench.recipe.granularity == "unit":
            shapes = sizes.compact_shapes(bench.graph, bench.shapes, choice)
            return sizes.density(shapes, bench.shapes, bench.prunable)
        return masks_module.density(choice)
