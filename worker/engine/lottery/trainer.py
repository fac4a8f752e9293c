"""Named trainings: what one attempt finished, the next does not repeat; what it began, it resumes.

checkpoint/running/        the newest checkpoint inside the training named in running/name
checkpoint/watch/          what a watcher of the running training remembers
checkpoint/done/<name>/    outcome.json, state.npz, rates.npy, snapshot-<step>.npz
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from worker.engine import stopping
from worker.engine.lottery.bench import Bench
from worker.engine.training import (
    Interrupted,
    Progress,
    StaleCheckpointError,
    State,
    TrainingPlan,
    restore,
    train,
)


@dataclass(frozen=True)
class Run:
    """What a training came to; `best` is the validation metric (or loss) of the weights kept."""

    state: State
    best: float | None
    epochs: int
    steps: int
    seconds: float
    loop: str
    stopped_why: str
    rate_trace: np.ndarray
    snapshots: dict[int, State]
    notes: tuple[str, ...] = ()


class Trainer:
    """Trains models of one job, one at a time."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        root = bench.spec.checkpoint_dir or bench.folder("checkpoint")
        root.mkdir(parents=True, exist_ok=True)
        self._root = root

    def run(
        self,
        name: str,
        model: keras.Model,
        plan: TrainingPlan,
        *,
        masks: dict[str, np.ndarray] | None = None,
        teacher: Any = None,
        state: State | None = None,
        watch: Callable[[int, keras.Model], None] | None = None,
    ) -> Run:
        """Train `model` in place, or bring back what an earlier attempt made of it.

        `watch` is called with the number of finished epochs and the model as it then is; it may
        raise `Enough`.
        """
        done = self._root / "done" / name.replace("/", "--")
        finished = self._finished(name, done)
        if finished is not None:
            run = finished
            restore(model, plan.optimizer, run.state)
            self._bench.reporter.finish(name, skipped=True)
        else:
            run = self._train(
                name, model, plan, masks=masks, teacher=teacher, state=state, watch=watch
            )
            _write(done, run)
        if self._bench.loop == "auto":
            self._bench.loop = run.loop
        for note in run.notes:
            self._bench.reporter.warn("training", f"{name}: {note}")
        return run

    def memory(self, name: str) -> Path:
        """A file that travels with the checkpoint: stored after it, so it is never the older."""
        folder = self._root / "watch"
        folder.mkdir(exist_ok=True)
        return folder / name

    def forget(self, prefix: str) -> None:
        """Drop outcomes that a finished level holds now."""
        for folder in (self._root / "done").glob(prefix.replace("/", "--") + "*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _train(
        self,
        name: str,
        model: keras.Model,
        plan: TrainingPlan,
        *,
        masks: Any,
        teacher: Any,
        state: Any,
        watch: Any,
    ) -> Run:
        bench = self._bench
        assert bench.dataset is not None
        running = self._running(name)
        begin = partial(
            train,
            model,
            bench.dataset.train,
            bench.dataset.validation,
            plan,
            scale=bench.dataset.scale,
            masks=masks,
            teacher=teacher,
            state=state,
            checkpoint_to=running,
            checkpoint_seconds=bench.spec.checkpoint_seconds,
            on_step=lambda progress: self._tell(name, running, progress, watch),
        )
        with bench.reporter.work(name):
            try:
                trained = begin(resume_from=running if running.is_file() else None)
            except StaleCheckpointError:
                self._start_again(name)
                trained = begin()
        running.unlink(missing_ok=True)
        return Run(
            state=trained.state,
            best=trained.best_validation,
            epochs=trained.epochs_run,
            steps=trained.steps_run,
            seconds=trained.seconds,
            loop=trained.loop.kind,
            stopped_why=trained.stopped_why,
            rate_trace=trained.rate_trace,
            snapshots=trained.snapshots,
            notes=trained.notes,
        )

    def _finished(self, name: str, done: Path) -> Run | None:
        """What an earlier attempt made; None where it made nothing, or nothing that we can read."""
        if not (done / "outcome.json").is_file():
            return None
        try:
            return _read(done)
        except (KeyError, TypeError, ValueError):
            self._start_again(name)
            return None

    def _start_again(self, name: str) -> None:
        why = "what was kept of it does not fit, most likely another version of Prunery wrote it"
        self._bench.reporter.warn("stale", f"{name} was started again from its beginning: {why}.")

    def _running(self, name: str) -> Path:
        """The file of this training's checkpoint; another training's is dropped."""
        folder = self._root / "running"
        folder.mkdir(parents=True, exist_ok=True)
        mine = folder / f"{name.replace('/', '--')}.npz"
        for path in folder.iterdir():
            if path != mine:
                path.unlink(missing_ok=True)
        return mine

    def _tell(self, name: str, running: Path, progress: Progress, watch: Any) -> None:
        leave = stopping.finish_asked() and name != "dense"
        if stopping.stop_asked() or leave:
            raise Interrupted(name)
        share = progress.step / max(1, progress.steps)
        self._bench.reporter.progress(name, share, progress.epoch, progress.epochs)
        if running.is_file():
            self._bench.reporter.checkpoint(running.stat().st_mtime)
        if watch is not None and progress.step:
            watch(progress.step * progress.epochs // progress.steps, progress.model())


def _write(folder: Path, run: Run) -> None:
    scratch = folder.with_name(folder.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    run.state.save(scratch / "state.npz")
    np.save(scratch / "rates.npy", run.rate_trace)
    for step, snapshot in run.snapshots.items():
        snapshot.save(scratch / f"snapshot-{step}.npz")
    about = {
        "best": run.best,
        "epochs": run.epochs,
        "steps": run.steps,
        "seconds": run.seconds,
        "loop": run.loop,
        "stopped_why": run.stopped_why,
        "notes": run.notes,
        "snapshots": sorted(run.snapshots),
    }
    (scratch / "outcome.json").write_text(json.dumps(about))
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)


def _read(folder: Path) -> Run:
    about = json.loads((folder / "outcome.json").read_text())
    snapshots = {s: State.load(folder / f"snapshot-{s}.npz") for s in about.pop("snapshots")}
    about["notes"] = tuple(about["notes"])
    return Run(
        state=State.load(folder / "state.npz"),
        rate_trace=np.load(folder / "rates.npy", allow_pickle=False),
        snapshots=snapshots,
        **about,
    )
