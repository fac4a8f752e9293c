"""Small dense nets compute with one thread; everything else with all."""

from __future__ import annotations

import subprocess
import sys

import keras
import pytest

from prunery.specs.job import EngineLimits, EngineSpec
from worker.engine import threads

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
    told = subprocess.run([sys.executable, "-c", program, spec], capture_output=True, check=True)
    assert told.stdout.split()[-1] == b"1"


def _spec(model):
    return EngineSpec(
        kind="prune", model=model, limits=EngineLimits(threads=2), work_dir=model.parent
    )
