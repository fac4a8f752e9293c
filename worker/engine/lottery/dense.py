"""Level 0: the dense model, trained (or, for a trained upload, taken as it is)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from prunery.specs.report import Level
from worker.engine import saving
from worker.engine.lottery import fresh
from worker.engine.lottery.bench import Bench, weights_of
from worker.engine.lottery.compiling import compile_as_trained
from worker.engine.lottery.early_bird import EarlyBird
from worker.engine.lottery.judging import figures_of, level_report
from worker.engine.lottery.levels import LevelRecord, LevelStore
from worker.engine.lottery.plans import epochs_of, training_plan
from worker.engine.lottery.rewinding import dense_schedule
from worker.engine.lottery.trainer import Run, Trainer
from worker.engine.memory import release
from worker.engine.training import ALL_EPOCHS, Enough, State, capture, restore

SETTLED = "the mask had settled"


@dataclass(frozen=True)
class Dense:
    """What every round goes back to; read from level 0 when asked for, and not held in memory."""

    record: LevelRecord
    folder: Path

    @property
    def epochs(self) -> int:
        return int(self.record.report.epochs_trained or 0)

    @property
    def rate_trace(self) -> np.ndarray | None:
        """The learning rate of every step."""
        path = self.folder / "rates.npy"
        return np.load(path, allow_pickle=False) if path.is_file() else None

    def trained(self) -> State:
        return State.load(self.folder / "trained.npz")

    def start(self) -> State | None:
        """The state that training began with; None for a trained upload without its past."""
        return _load(self.folder / "start.npz")

    def rewind_point(self) -> State | None:
        """The state at the step or epoch that the recipe rewinds to."""
        return _load(self.folder / "snapshot.npz")

    def teacher(self) -> keras.Model:
        """The dense network itself, to learn from."""
        return keras.saving.load_model(self.folder / "model.keras")


def dense_level(bench: Bench, trainer: Trainer, store: LevelStore) -> Dense:
    """Make level 0, or read what an earlier attempt made of it."""
    record = store.read(0)
    if record is None:
        record = _make(bench, trainer, store)
    dense = Dense(record, store.path(0))
    restore(bench.model, None, dense.trained())
    release(bench.model)
    return dense


def _make(bench: Bench, trainer: Trainer, store: LevelStore) -> LevelRecord:
    began = time.monotonic()
    bench.reporter.stage("dense")
    start = _initial_state(bench)
    epochs, rates, snapshot = 0, None, None
    notes: tuple[str, ...] = ()
    if bench.trains and not bench.trained:
        plan = training_plan(
            bench,
            epochs=epochs_of(bench),
            schedule=dense_schedule(bench),
            seed=bench.seed_for("dense"),
            snapshot_at=_rewind_point(bench),
        )
        bird = _early_bird(bench, trainer, start)
        watch = None if bird is None else _watch(bird)
        run = trainer.run("dense", bench.model, plan, state=start, watch=watch)
        compile_as_trained(bench, bench.model, plan.optimizer)
        trained, epochs, notes, rates = run.state, run.epochs, run.notes, run.rate_trace
        snapshot = next(iter(run.snapshots.values()), None)
        if plan.early_stopping and run.stopped_why == ALL_EPOCHS:
            _tell_unfinished(bench, run.epochs)
        if snapshot is None and plan.snapshot_at is not None:
            snapshot = _last_point(bench, run)
        if bird is not None:
            bird.forget()
            _tell_early_end(bench, run.stopped_why)
    else:
        trained = capture(bench.model)

    def fill(folder: Path) -> None:
        saving.save(bench.model, folder / "model.keras")
        trained.save(folder / "trained.npz")
        if start is not None:
            start.save(folder / "start.npz")
        if snapshot is not None:
            snapshot.save(folder / "snapshot.npz")
        if rates is not None:
            np.save(folder / "rates.npy", rates)

    judged = level_report(
        bench,
        bench.model,
        Level(
            level=0,
            parameters=0,
            live_parameters=0,
            density=1.0,
            size_bytes=0,
            epochs_trained=epochs,
            arm="dense",
            notes=notes,
        ),
        seconds=time.monotonic() - began,
    )
    record = LevelRecord(
        level=0,
        recipe_hash="",
        figures=figures_of(judged),
        report=judged.model_copy(update={"within_limit": True}),
        within_limit=True,
    )
    written = store.write(record, fill)
    trainer.forget("dense")
    return written


def _initial_state(bench: Bench) -> State | None:
    """The weights training began with: the upload's, redrawn, or the initial model's own.

    A trained upload has none, unless its initial model came along.
    """
    if "initial" in bench.facts:
        return State(weights=bench.facts["initial"])
    if bench.trained:
        return None
    if bench.recipe.start == "reinitialize" or bench.facts.get("redraw"):
        fresh.reinitialize(bench.model, bench.seed_for("dense"))
    return State(weights=weights_of(bench.model))


def _last_point(bench: Bench, run: Run) -> State:
    """What stands for a rewind point that the dense training did not come to."""
    why = f"it ended after {run.steps} steps ({run.stopped_why})"
    bench.reporter.warn(
        "rewind_point",
        f"The dense training did not reach the rewind point: {why}. Levels start from its end.",
    )
    return run.state


def _early_bird(bench: Bench, trainer: Trainer, start: State | None) -> EarlyBird | None:
    if not bench.recipe.schedule.early_bird or start is None:
        return None
    return EarlyBird(bench, start.weights, trainer.memory("early_bird.npz"))


def _watch(bird: EarlyBird) -> Callable[[int, keras.Model], None]:
    """With `schedule.early_bird` the dense training ends when the mask has settled."""

    def watch(epoch: int, model: keras.Model) -> None:
        if bird.settled(epoch, model):
            raise Enough(f"{SETTLED} after {epoch} epochs (early bird)")

    return watch


def _tell_early_end(bench: Bench, why: str) -> None:
    if why.startswith(SETTLED):
        bench.reporter.warn("early_bird", f"The dense training ended early: {why}.")


def _tell_unfinished(bench: Bench, epochs: int) -> None:
    """A dense model that was still gaining flatters whatever is trained after it."""
    bench.reporter.warn(
        "unfinished",
        f"The dense training was still gaining when its {epochs} epochs were over: smaller models, "
        "trained on from it, may owe their figures to that. For a fair comparison raise "
        "training.epochs.",
    )


def _rewind_point(bench: Bench) -> tuple[str, int] | None:
    rewind = bench.recipe.rewind
    return (rewind.to, rewind.at) if rewind.to in ("step", "epoch") else None


def _load(path: Path) -> State | None:
    return State.load(path) if path.is_file() else None
