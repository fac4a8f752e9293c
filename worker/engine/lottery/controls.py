"""Rivals of a level: what else of the same size, trained as long, would have done.

fresh_small       the same compact network, drawn anew at its own scale
fresh_same_scale  the same ticket's shape with fresh weights of the dense network's draw (re-init)
random_units      as many units of each group, drawn at random, rewound alike
random_mask       a random mask of the same density in each layer, rewound alike

At weight granularity `fresh_small` is a narrower dense network of as many parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from prunery.specs.report import ControlResult, Interval
from worker.engine import evaluation
from worker.engine.compaction import ticket
from worker.engine.lottery import limits, trials
from worker.engine.lottery.bench import Bench, assign, weights_of
from worker.engine.lottery.cutting import sizes, unit_cut
from worker.engine.lottery.dense import Dense
from worker.engine.lottery.fresh import reinitialize
from worker.engine.lottery.judging import metric_interval, predictions
from worker.engine.lottery.levels import LevelRecord, LevelStore, load_arrays
from worker.engine.lottery.plans import retrain_epochs
from worker.engine.lottery.rewinding import Arm
from worker.engine.lottery.trainer import Trainer
from worker.engine.lottery.trials import Beginning, Trial
from worker.engine.profiling import parameters
from worker.engine.pruning import selection, widths
from worker.engine.pruning.widths import Kept
from worker.engine.training import State


@dataclass
class Rival:
    """A control that was run."""

    result: ControlResult
    trial: Trial


class Controls:
    """Runs the controls of one level after another."""

    def __init__(self, bench: Bench, trainer: Trainer, store: LevelStore, dense: Dense) -> None:
        self._bench = bench
        self._trainer = trainer
        self._store = store
        self._dense = dense

    def run(self, record: LevelRecord, ticket_model: Any) -> list[Rival]:
        """All of the recipe's controls of one level; `ticket_model` is the level's own network."""
        bench = self._bench
        if record.level == 0 or not bench.trains:
            return []
        bench.reporter.stage("controls", record.level, bench.facts.get("levels"))
        return [
            Rival(self._result(record, name, trial, ticket_model), trial)
            for name in bench.recipe.controls
            for trial in [self._train(record, name)]
        ]

    def _train(self, record: LevelRecord, control: str) -> Trial:
        bench, level = self._bench, record.level
        name = f"control/{control}"
        if bench.recipe.controls_on == "every":
            name = f"control-{level}/{control}"
        arm = _own_arm(record, has_past=self._dense.start() is not None)
        seed = bench.seed_for("control", 10 * level + len(control))
        # Of what the levels before removed only zeros are left, which never learn: what is drawn
        # from all is drawn from the dense network.
        basis = 0 if control.startswith("random") else record.notes["basis"]
        previous = State.load(self._store.path(basis) / "trained.npz").weights
        start = trials.beginning(bench, arm, self._dense, previous)
        how: dict[str, Any] = {
            "schedule": arm.schedule,
            "epochs": self._epochs(record, control),
            "seed": seed,
        }
        folder = self._store.path(level)
        if bench.recipe.granularity == "unit":
            kept = load_arrays(folder / "kept.npz")
            if control == "random_units":
                kept = _random_units(bench, kept, seed)
            redraw = seed if control == "fresh_small" else None
            if control == "fresh_same_scale":
                start = self._fresh_start(seed)
            return trials.train_units(bench, self._trainer, name, kept, start, redraw=redraw, **how)
        if control == "fresh_small":
            kept = _narrow(bench, record.report.live_parameters)
            return trials.train_units(bench, self._trainer, name, kept, start, redraw=seed, **how)
        mask = ticket.load(folder / "ticket.npz")[0]
        if control == "random_mask":
            mask = selection.random_like(mask, seed)
        else:
            start = self._fresh_start(seed)
        return trials.train_weights(bench, self._trainer, name, mask, start, **how)

    def _epochs(self, record: LevelRecord, control: str) -> int:
        """As many epochs as the level had.

        Fine-tuned weights had those of all levels before them, too: fresh weights get as many, and
        what is drawn from the trained dense network those that came after it.
        """
        own, all_of_them = retrain_epochs(self._bench, self._dense.epochs), record.notes["epochs"]
        known = 0 if control.startswith("fresh") else self._dense.epochs
        return max(own, all_of_them - known)

    def _fresh_start(self, seed: int) -> Beginning:
        """The dense network's own draw, once more."""
        bench = self._bench
        base = self._dense.start() or self._dense.trained()
        assign(bench.model, base.weights)
        reinitialize(bench.model, seed)
        return Beginning(weights_of(bench.model))

    def _result(
        self, record: LevelRecord, name: str, trial: Trial, ticket_model: Any
    ) -> ControlResult:
        bench = self._bench
        rival = trial.compacted.model
        split = bench.judged_split
        metric = metric_interval(bench, rival, split)
        assert metric is not None
        assert bench.metric is not None
        compared = evaluation.compare(
            bench.metric,
            split.y,
            predictions(bench, rival, split),
            predictions(bench, ticket_model, split),
            bench.seed_for("interval"),
        )
        return ControlResult(
            level=record.level,
            control=name,
            metric=metric,
            parameters=parameters(rival),
            difference=compared.difference,
        )


def winner(
    bench: Bench, level_metric: Interval | None, most: int, rivals: list[Rival]
) -> Rival | None:
    """The control that validates better than the level, if one does; it is what gets shipped.

    Only where validation examples were held out: nothing is chosen on training examples. And only
    with at most the level's parameters, `most` (of a random mask fewer units may be dead), and with
    every other output within the limit.
    """
    if bench.metric is None or bench.dataset is None or not len(bench.dataset.validation):
        return None
    best, value = None, level_metric.value if level_metric else float("nan")
    for rival in rivals:
        if rival.result.parameters > most:
            continue
        better = bench.metric.better(rival.result.metric.value, value)
        if better and limits.others_hold(bench, rival.trial.compacted.model):
            best, value = rival, rival.result.metric.value
    return best


def _own_arm(record: LevelRecord, *, has_past: bool) -> Arm:
    """How the level was trained; chosen units mean nothing on fresh weights: there, rewound."""
    rewind = record.notes["rewind"]
    if rewind == "fresh":
        rewind = "initial" if has_past else "none"
    return Arm(rewind, record.notes["schedule"])


def _random_units(bench: Bench, kept: Kept, seed: int) -> Kept:
    """As many units of each group, drawn from all."""
    generator = np.random.default_rng(seed)
    return {
        name: np.sort(generator.permutation(bench.graph.groups[name].units)[: len(units)])
        for name, units in sorted(kept.items())
    }


def _narrow(bench: Bench, most: int) -> Kept:
    """A uniformly narrower network of at most so many parameters."""
    whole = unit_cut.all_units(bench)
    bounds = widths.Bounds({name: len(units) for name, units in whole.items()})
    scores = {name: np.arange(len(units), 0.0, -1.0) for name, units in whole.items()}
    low, high = 0.0, 1.0
    for _ in range(30):
        share = (low + high) / 2
        kept = widths.select(scores, whole, widths.counts(scores, whole, share, "uniform", bounds))
        small = sizes.parameters(sizes.compact_shapes(bench.graph, bench.shapes, kept)) <= most
        low, high = (low, share) if small else (share, high)
    return widths.select(scores, whole, widths.counts(scores, whole, high, "uniform", bounds))
