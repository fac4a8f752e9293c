"""One network cut, started somewhere, and trained: a level, an arm of it, or a control.

At unit granularity the network is compacted before it is trained, so the ladder gets cheaper as
it goes. At weight granularity the full-size network is trained under its mask and compacted after.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from worker.engine.arrays import Arrays, OnDemand
from worker.engine.compaction import dead, masked, rebuild
from worker.engine.compaction.rebuild import Compacted
from worker.engine.lottery.bench import Bench, assign, weights_of
from worker.engine.lottery.compiling import compile_as_trained
from worker.engine.lottery.dense import Dense
from worker.engine.lottery.plans import training_plan
from worker.engine.lottery.rescale import rescale_init
from worker.engine.lottery.rewinding import Arm
from worker.engine.lottery.trainer import Run, Trainer
from worker.engine.masks import Masks, apply, views
from worker.engine.memory import release
from worker.engine.pruning.widths import Kept
from worker.engine.training import State, TrainingPlan

# Of its peak: a rate that has fallen this far is the end of a schedule, and not one of its steps.
SPENT = 1e-3


@dataclass
class Trial:
    """A trained candidate.

    compacted: the compact network (trained) and how it lies in the full-size one.
    full: trained weights at full size, everything removed zero; made when they are asked for.
    mask, rewound: the ticket, at full size, made likewise.
    level, ticket: the finished level that this is, and the file that holds its ticket.
    """

    name: str
    compacted: Compacted
    full: Arrays
    mask: Masks
    rewound: Arrays
    run: Run | None
    kept: Kept | None = None
    level: int | None = None
    ticket: Path | None = None

    @property
    def best(self) -> float | None:
        """Validation metric (or loss) of the weights kept; None without training or validation."""
        return self.run.best if self.run else None


@dataclass(frozen=True)
class Beginning:
    """Where a training starts: full-size weights, and the state beyond them when it is rewound."""

    weights: Arrays
    state: State | None = None
    rate_trace: np.ndarray | None = None
    rescale: bool = False


@dataclass(frozen=True)
class Teaching:
    """A dense teacher and its share in the loss."""

    teacher: keras.Model
    share: float


def beginning(bench: Bench, arm: Arm, dense: Dense, previous: Arrays) -> Beginning:
    """The start of an arm; `previous` are the trained weights that the round started from."""
    if arm.rewind == "initial":
        start = dense.start()
        assert start is not None
        wanted = bench.recipe.rewind.rescale_init
        rescale = bench.recipe.granularity == "unit" if wanted == "auto" else wanted
        return Beginning(start.weights, start, rescale=rescale)
    if arm.rewind in ("step", "epoch"):
        point = dense.rewind_point()
        assert point is not None
        return Beginning(point.weights, point)
    if arm.schedule == "from model" and arm.rewind in ("learning_rate", "none"):
        trace = dense.rate_trace
        return Beginning(previous, rate_trace=trace if arm.rewind != "none" else last_rate(trace))
    return Beginning(previous)


def last_rate(trace: np.ndarray | None) -> np.ndarray | None:
    """The rate to hold in fine-tuning: the dense training's last (Renda et al. 2020).

    None where it is unknown or trains nothing any more: the schedule then starts again.
    """
    if trace is None or not len(trace) or trace[-1] <= SPENT * trace.max():
        return None
    return trace[-1:]


def train(
    bench: Bench, trainer: Trainer, name: str, choice: Any, start: Beginning, **how: Any
) -> Trial:
    """Train what a round chose: kept units, or a mask."""
    release(bench.model)  # the networks of trials before
    act = train_units if bench.recipe.granularity == "unit" else train_weights
    return act(bench, trainer, name, choice, start, **how)


def train_units(
    bench: Bench,
    trainer: Trainer,
    name: str,
    kept: Kept,
    start: Beginning,
    *,
    schedule: str,
    epochs: int,
    seed: int,
    redraw: int | None = None,
    teaching: Teaching | None = None,
) -> Trial:
    """Compact, then train. `redraw`: fresh weights at the small net's own scale, by that seed."""
    from worker.engine.lottery.fresh import reinitialize

    assign(bench.model, start.weights)
    trains = epochs > 0 and bench.trains
    compacted = rebuild.compact(bench.model, bench.graph, kept, compiled=not trains)
    release(bench.model)  # what building it took
    small = compacted.model
    if redraw is not None:
        reinitialize(small, redraw)
        start = Beginning(start.weights)  # drawn anew, it has no step, no moments, no rates
    elif start.rescale:
        rescale_init(small, bench.shapes)
    began, run = views(small), None
    if trains:
        plan, teacher = _planned(bench, start, schedule, epochs, seed, teaching)
        state = _cut_state(start, compacted)
        began = state.weights
        run = trainer.run(name, small, plan, state=state, teacher=teacher)
        compile_as_trained(bench, small, plan.optimizer)
    full = masked.at_full_size(start.weights, small, compacted.keep, rescaled=compacted.rescaled)
    mask = masked.masks_of(bench.model, compacted.keep)
    rewound = OnDemand(mask, lambda key: _laid_out(key, start.weights, began, compacted))
    return Trial(name, compacted, full, mask, rewound, run, kept)


def train_weights(
    bench: Bench,
    trainer: Trainer,
    name: str,
    mask: Masks,
    start: Beginning,
    *,
    schedule: str,
    epochs: int,
    seed: int,
    teaching: Teaching | None = None,
) -> Trial:
    """Train the full-size network under its mask, then remove what died."""
    assign(bench.model, start.weights)
    apply(bench.model, mask)
    run = None
    if epochs > 0 and bench.trains:
        plan, teacher = _planned(bench, start, schedule, epochs, seed, teaching)
        state = _masked_state(start, mask)
        run = trainer.run(name, bench.model, plan, masks=dict(mask), state=state, teacher=teacher)
        compile_as_trained(bench, bench.model, plan.optimizer)
    compacted = dead.compact_masked(bench.model, bench.graph, mask)
    rewound = OnDemand(mask, start.weights.__getitem__)
    full = weights_of(bench.model) if run else _masked(start.weights, mask)
    return Trial(name, compacted, full, mask, rewound, run)


def _planned(
    bench: Bench,
    start: Beginning,
    schedule: str,
    epochs: int,
    seed: int,
    teaching: Teaching | None,
) -> tuple[TrainingPlan, keras.Model | None]:
    plan = training_plan(
        bench,
        epochs=epochs,
        schedule=schedule,
        seed=seed,
        rate_trace=start.rate_trace,
        distillation=teaching.share if teaching else 0.0,
    )
    return plan, teaching.teacher if teaching else None


def _cut_state(start: Beginning, compacted: Compacted) -> State:
    """The rewound state in the small net's shapes, with the small net's own starting weights."""
    weights = weights_of(compacted.model)
    if start.state is None:
        return State(weights=weights)
    return replace(start.state.cut(compacted.keep), weights=weights)


def _masked_state(start: Beginning, mask: Masks) -> State:
    weights = dict(_masked(start.weights, mask))
    if start.state is None:
        return State(weights=weights)
    return replace(start.state, weights=weights)


def _masked(weights: Arrays, mask: Masks) -> Arrays:
    """The weights with everything that the mask removes 0."""

    def make(key: str) -> np.ndarray:
        value = weights[key]
        return np.where(mask[key], value, 0).astype(value.dtype) if key in mask else value

    return OnDemand(weights, make)


def _laid_out(key: str, full: Arrays, began: Arrays, compacted: Compacted) -> np.ndarray:
    """A full-size starting weight, with what the small net began with in its old place."""
    base, value = full[key].copy(), began[key]
    corner = masked.corner(compacted.keep.get(key, {}), base.shape)
    if key in compacted.rescaled:
        value = masked.scaled_back(value, base[corner], compacted.rescaled[key])
    base[corner] = value
    return base
