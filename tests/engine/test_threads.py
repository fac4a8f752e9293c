"""Small dense nets compute with one thread, everything else with all; long jobs try the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from prunery.specs.job import EngineLimits, EngineSpec
from prunery.specs.presets import resolve
from prunery.specs.report import Report
from worker.engine import threads
from worker.engine.lottery.settling import pace

layers = keras.layers


def _dense(units):
    return keras.Sequential(
        [keras.Input((64,)), layers.Dense(units, "relu"), layers.BatchNormalization()]
    )


def _nested():
    inner = _dense(8)
    x = keras.Input((64,))
    return keras.Model(x, layers.Dense(2)(inner(x)))


def _nested_convolution():
    inner = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3)])
    x = keras.Input((8, 8, 1))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(inner(x))))


@pytest.mark.parametrize(
    ("build", "small"),
    [
        (lambda: _dense(32), True),
        (_nested, True),
        (_nested_convolution, False),
        (lambda: keras.Sequential([keras.Input((4, 3)), layers.LSTM(4)]), False),
        (lambda: _dense(threads.SMALL_PARAMETERS // 64), False),
    ],
)
@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.filterwarnings("ignore:.*legacy")
def test_which_nets_are_small(tmp_path, build, small, suffix):
    model = build()
    # The optimizer's slots are no parameters of the net.
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / f"m.{suffix}")
    assert threads._is_small(_spec(tmp_path / f"m.{suffix}")) is small


def test_what_cannot_be_read_is_left_to_the_loader(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"PK\x03\x04 and no more")
    assert not threads._is_small(_spec(tmp_path / "m.keras"))


def test_the_threads_settled_are_the_threads_in_use(tmp_path):
    _dense(8).save(tmp_path / "m.keras")
    spec = _spec(tmp_path / "m.keras").model_dump_json()
    program = (
        "import sys; from prunery.specs.job import EngineSpec; from worker.engine import threads;"
        "threads.settle(EngineSpec.model_validate_json(sys.argv[1])); print(threads.in_use())"
    )
    assert _told(program, spec) == ["1"]


def test_what_is_asked_or_pinned_goes_before_the_rule(tmp_path):
    _dense(8).save(tmp_path / "m.keras")
    spec = _spec(tmp_path / "m.keras")
    assert threads._settled(spec) == 1
    threads.pin(spec, threads.Pin(threads=2))
    assert threads._settled(spec) == 2
    asked = resolve({"preset": "quick", "training": {"threads": 1}})
    assert threads._settled(spec.model_copy(update={"recipe": asked})) == 1


def test_the_service_has_the_last_word(tmp_path):
    _dense(8).save(tmp_path / "m.keras")
    spec = _spec(tmp_path / "m.keras")
    threads.pin(spec, threads.Pin(threads=7))
    asked = resolve({"preset": "quick", "training": {"threads": 9}})
    assert threads._settled(spec) == 2
    assert threads._settled(spec.model_copy(update={"recipe": asked})) == 2


@pytest.mark.parametrize("text", ["", "{", '{"threads": 0}', '{"threads": "many"}'])
def test_a_pin_that_cannot_be_read_is_none(tmp_path, text):
    spec = _spec(tmp_path / "m.keras")
    threads.pin(spec, threads.Pin(threads=2))
    (tmp_path / "checkpoint" / "threads.json").write_text(text)
    assert threads.pinned(spec) is None


def test_another_number_begins_anew():
    """A pool of its own for each number: TensorFlow would keep the first, and tell the other."""
    program = """
import os, sys
import tensorflow as tf
from prunery.specs.job import EngineSpec
from worker.engine import threads
threads.settle(EngineSpec.model_validate_json(sys.argv[1]))
def running():
    tf.zeros((2,))
    return len(os.listdir("/proc/self/task"))
counts = [running()]
for number in (3, 5):
    threads.change(number)
    counts.append(running())
print(threads.may_change(), threads.in_use(), counts[2] - counts[1] - (counts[1] - counts[0]))
"""
    spec = EngineSpec(kind="prune", limits=EngineLimits(threads=1), work_dir=Path("/nowhere"))
    assert _told(program, spec.model_dump_json()) == ["True", "5", "2"]


def test_a_trial_leaves_no_trace_but_the_number(tmp_path):
    """Of a job that tried two threads and took them come the bytes of one that had them."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(2000, 16)).astype("float32")
    np.savez(tmp_path / "d.npz", x=x, y=(x @ draw.normal(size=(16, 3))).argmax(1))
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(24, "relu"),
            layers.Dropout(0.1),
            layers.BatchNormalization(),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "m.keras")
    training = {"epochs": 2, "retrain_epochs": 1, "batch_size": 16, "loop": "graph"}
    specs = []
    for name, changes in {"tried": {}, "given": {"threads": 2}}.items():
        recipe = resolve({"preset": "quick", "training": training | changes})
        folders = {"work_dir": tmp_path / name, "out_dir": tmp_path / f"{name}-out"}
        for folder in folders.values():
            folder.mkdir()
        given = _spec(tmp_path / "m.keras").model_dump() | folders
        dataset = {"dataset": tmp_path / "d.npz", "dataset_filename": "d.npz", "recipe": recipe}
        specs.append(EngineSpec.model_validate(given | dataset).model_dump_json())
    program = """
import sys
from prunery.specs.job import EngineSpec
from worker.engine import job
from worker.engine.lottery.settling import pace
from worker.engine.reporter import Reporter
pace.WORTH = 0  # however short the job is
pace.decided = lambda milliseconds, usual, other: other
job.run(EngineSpec.model_validate_json(sys.argv[1]), Reporter(lambda event: None))
"""
    for spec in specs:
        _told(program, spec)
    reports = [
        Report.model_validate_json((tmp_path / f"{name}-out" / "report.json").read_bytes())
        for name in ("tried", "given")
    ]
    assert [report.method.hardware["threads"] for report in reports] == ["2", "2"]
    (tried,) = (one for one in reports[0].method.decisions if one.field == "training.threads")
    assert tried.chosen == "2"
    assert "training.threads=2" in reports[0].method.command
    assert "training.threads" not in reports[1].method.command
    ours, theirs = (
        keras.saving.load_model(tmp_path / f"{name}-out" / "model.keras").get_weights()
        for name in ("tried", "given")
    )
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_near_a_tie_the_usual_number_stays():
    assert pace.decided({1: 1.1, 2: 1.0}, usual=1, other=2) == 1
    assert pace.decided({1: 1.3, 2: 1.0}, usual=1, other=2) == 2
    assert pace.decided({1: 1.0, 2: 1.3}, usual=2, other=1) == 1


def _told(program, spec):
    run = [sys.executable, "-c", program, spec]
    return subprocess.run(run, capture_output=True, check=True, text=True).stdout.split()


def _spec(model):
    return EngineSpec(
        kind="prune", model=model, limits=EngineLimits(threads=2), work_dir=model.parent
    )
