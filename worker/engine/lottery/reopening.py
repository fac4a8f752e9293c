"""A finished level, brought back from disk as the network that was trained."""

from __future__ import annotations

from dataclasses import replace

import keras

from worker.engine import saving
from worker.engine.compaction import dead, masked, rebuild, ticket
from worker.engine.compaction.rebuild import Compacted
from worker.engine.lottery.bench import Bench, assign
from worker.engine.lottery.levels import LevelStore, load_arrays
from worker.engine.lottery.trials import Trial
from worker.engine.training import State


def reopen(bench: Bench, store: LevelStore, level: int) -> Trial:
    """The trial that level `level` was made from; its compact network is the saved one."""
    folder = store.path(level)
    full = State.load(folder / "trained.npz").weights
    if level == 0:
        dense = Compacted(saving.load(folder / "model.keras"), {})
        return Trial("dense", dense, full, {}, {}, None, level=0)
    mask, rewound = ticket.opened(folder / "ticket.npz")
    if bench.recipe.granularity == "unit":
        kept = load_arrays(folder / "kept.npz")
        small = saving.load(folder / "model.keras")
        compacted = rebuild.described(bench.graph, kept, small)
    else:
        kept, mask = None, dict(mask)
        assign(bench.model, full)
        found = dead.compact_masked(bench.model, bench.graph, mask)
        small = saving.load(folder / "model.keras", over=found.model)
        compacted = replace(found, model=small)
    name, path = f"level-{level}", folder / "ticket.npz"
    return Trial(name, compacted, full, mask, rewound, None, kept, level, path)


def full_size(bench: Bench, trial: Trial) -> keras.Model:
    """The full-size network that computes the same, compiled alike, in the memory of the bench's.

    What lies in masked.keras; it is the bench's own model, whose weights come and go.
    """
    assign(bench.model, trial.full)
    masked.compile_alike(bench.model, trial.compacted.model, trial.compacted.keep)
    return bench.model
