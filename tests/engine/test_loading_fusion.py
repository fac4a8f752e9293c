"""Networks on which TensorFlow's fusing of operations dies are pruned without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from keras import layers, ops

from worker.engine.loading.fusion import adds_padded


def padded_shortcut(inputs, x):
    """A CIFAR ResNet's: no projection, the new channels of the shortcut are zeros."""
    y = layers.Conv2D(16, 1)(x)
    return layers.ReLU()(ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, 8))) + y)


def padded_for_convolutions(inputs, x):
    y = layers.DepthwiseConv2D(3)(layers.ZeroPadding2D(1)(x))
    return layers.Add()([layers.Conv2D(8, 1)(layers.MaxPooling2D(1)(y)), x])


def padded_in_a_nested_model(inputs, x):
    inner = keras.Input((8, 8, 8))
    return layers.Conv2D(8, 3)(keras.Model(inner, layers.ZeroPadding2D(1)(inner))(x))


def network(ending) -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = ending(inputs, layers.Conv2D(8, 3, padding="same")(inputs))
    return keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize(
    ("ending", "expected"),
    [(padded_shortcut, True), (padded_for_convolutions, False), (padded_in_a_nested_model, True)],
)
def test_only_padding_that_is_read_by_others_counts(ending, expected: bool):
    assert adds_padded(network(ending)) is expected


def test_a_padded_shortcut_does_not_end_the_process(tmp_path: Path):
    network(padded_shortcut).save(tmp_path / "net.keras")
    command = [sys.executable, "-m", "prunery", "local", "prune", tmp_path / "net.keras"]
    command += ["--set", "training.epochs=0", "--out", tmp_path / "out"]
    with_onednn = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"}
    done = subprocess.run(command, capture_output=True, env=with_onednn, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
