"""A killed training goes on from its checkpoint and ends bit-equal with one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.engine.training_nets import blobs, half_masks, rich
from worker.engine.evaluation import choose_metric
from worker.engine.training import (
    Interrupted,
    StaleCheckpointError,
    State,
    TrainingPlan,
    capture,
    train,
)

ROOT = Path(__file__).resolve().parents[2]


def _plan(**changes) -> TrainingPlan:
    settings = {
        "epochs": 4,
        "batch_size": 16,
        "loop": "graph",
        "metric": choose_metric("multiclass"),
        "early_stopping": True,
        "schedule": "constant_ema",
        "snapshot_at": ("step", 3),
    } | changes
    return TrainingPlan(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", **settings)


def _equal(one: State, other: State) -> None:
    assert (one.step, one.seed) == (other.step, other.seed)
    for part in ("weights", "optimizer", "rng"):
        left, right = getattr(one, part), getattr(other, part)
        assert left.keys() == right.keys()
        assert all(np.array_equal(value, right[key]) for key, value in left.items())


@pytest.mark.parametrize(
    ("plan", "resident"),
    [
        (_plan(), None),
        (_plan(schedule="from model", early_stopping=False), 1000),
        (_plan(loop="xla"), None),
    ],
    ids=["averaged", "streamed", "xla"],
)
def test_interrupted_at_random_steps_it_ends_bit_equal(tmp_path, monkeypatch, plan, resident):
    # Calls of few steps: an interruption can then fall anywhere.
    monkeypatch.setattr("worker.engine.training.epochs.course.LONGEST_CALL", 2)
    plan = TrainingPlan(**{**plan.__dict__, "resident_bytes": resident})
    split, validation, masks = blobs(70), blobs(30, seed=8), half_masks(rich())
    model = rich()
    start = capture(model)
    whole = train(model, split, validation, plan, state=start, masks=masks)
    draw = np.random.default_rng(int(time.time()) if os.environ.get("SOAK") else 7)
    path = tmp_path / "checkpoint.npz"
    resume: Path | None = None
    interruptions = 0
    while True:
        left = int(draw.integers(1, 5))

        def stop(progress, calls=[left]):  # noqa: B006 - one list for each training
            calls[0] -= 1
            if calls[0] == 0:
                raise Interrupted

        model = rich(seed=11)
        try:
            ended = train(
                model,
                split,
                validation,
                plan,
                state=start,
                masks=masks,
                resume_from=resume,
                checkpoint_to=path,
                on_step=stop if interruptions < 8 else None,
            )
            break
        except Interrupted:
            resume = path
            interruptions += 1
    assert interruptions >= 3
    _equal(whole.state, ended.state)
    assert whole.history == ended.history
    assert np.array_equal(whole.rate_trace, ended.rate_trace)
    assert whole.best_epoch == ended.best_epoch
    _equal(whole.snapshots[3], ended.snapshots[3])


def test_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"

    def stop(_progress):
        raise Interrupted

    with pytest.raises(Interrupted):
        train(rich(), blobs(), None, _plan(), checkpoint_to=path, on_step=stop)
    with pytest.raises(StaleCheckpointError, match="another training"):
        train(rich(), blobs(), None, _plan(epochs=9), resume_from=path)


def _long(out: Path, checkpoint: Path, every: float) -> None:
    """What the killed process runs, and what is never killed."""
    model = rich()
    plan = TrainingPlan(
        keras.optimizers.Adam(0.01),
        "sparse_categorical_crossentropy",
        epochs=100,
        batch_size=16,
        loop="graph",
    )
    trained = train(
        model,
        blobs(),
        None,
        plan,
        masks=half_masks(model),
        checkpoint_to=checkpoint,
        checkpoint_seconds=every,
        resume_from=checkpoint if checkpoint.exists() else None,
    )
    trained.state.save(out)


def test_killed_process_goes_on_and_ends_bit_equal(tmp_path):
    checkpoint, out = tmp_path / "checkpoint.npz", tmp_path / "killed.npz"
    command = f"""
from pathlib import Path
from worker.engine import libraries
libraries.load()
from tests.engine.test_training_resume import _long
_long(Path({str(out)!r}), Path({str(checkpoint)!r}), 0.0)
"""

    def start() -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-c", command], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
        )

    killed = start()
    deadline = time.monotonic() + 120
    while not checkpoint.exists():
        assert time.monotonic() < deadline
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait(30)
    assert not out.exists()
    resumed = start()
    _long(tmp_path / "whole.npz", tmp_path / "none.npz", 1000.0)
    assert resumed.wait(120) == 0
    _equal(State.load(tmp_path / "whole.npz"), State.load(out))
