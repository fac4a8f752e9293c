"""A finished level, brought back from disk as the network that was trained."""

from __future__ import annotations

import keras

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
    assign(bench.model, full)
    small = keras.saving.load_model(folder / "model.keras")
    if level == 0:
        return Trial("dense", Compacted(small, {}), full, {}, {}, None)
    mask, rewound = ticket.load(folder / "ticket.npz")
    if bench.recipe.granularity == "unit":
        kept = load_arrays(folder / "kept.npz")
        found = rebuild.compact(bench.model, bench.graph, kept)
    else:
        kept = None
        found = dead.compact_masked(bench.model, bench.graph, mask)
    compacted = Compacted(
        small, found.keep, found.rescaled, found.folded, found.not_removed, found.notes
    )
    return Trial(f"level-{level}", compacted, full, mask, rewound, None, kept)


def full_size(bench: Bench, trial: Trial) -> keras.Model:
    """The full-size network that computes the same, compiled alike: masked.keras."""
    compacted = trial.compacted
    if bench.recipe.granularity == "unit" or not trial.mask:
        return masked.scatter(
            bench.model, compacted.model, compacted.keep, rescaled=compacted.rescaled
        )
    return masked.under_mask(bench.model, compacted.model, trial.full, compacted.keep)
