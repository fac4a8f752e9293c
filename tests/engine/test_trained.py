"""An upload is told trained from untrained, whatever scaling stands outside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from prunery.specs.report import Interval
from tests.engine.dataset_files import made, model, npz
from worker.engine import evaluation
from worker.engine.datasets import Dataset, Split
from worker.engine.datasets.scaling import with_scale
from worker.engine.loading.trained import Detection, detect


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Ten kinds of pictures: a bright bar in one of ten rows."""
    generator = np.random.default_rng(0)
    kinds = np.arange(2_000) % 10
    images = generator.integers(0, 120, (2_000, 10, 8))
    images[np.arange(2_000), kinds] += 120
    path = npz(tmp_path_factory.mktemp("data") / "a.npz", x=images.astype(np.uint8), y=kinds)
    return made(path, model((10, 8), (10,)))


def _net(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((10, 8), name="input"),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10, activation="softmax", name="output"),
        ]
    )


def _detected(net: keras.Model, pictures: Dataset, steps: int = 0) -> Detection:
    metric = evaluation.choose_metric("multiclass", ("accuracy",), "auto", None)

    def evaluate(split: Split, dataset: Dataset) -> Interval:
        outputs = evaluation.predict(net, split, dataset.scale)
        return evaluation.interval(metric, split.y, outputs, 0)

    return detect(
        evaluate,
        pictures,
        baseline=lambda split: evaluation.baseline(metric, split.y),
        steps=steps,
        usual="0..1",
    )


@pytest.mark.parametrize("scale", ["0..1", "-1..1"])
def test_a_trained_net_is_found_under_its_own_scaling(pictures: Dataset, scale: str) -> None:
    net = _net(0)
    net.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    given = with_scale(pictures, scale)
    x = given.train.x["input"] * given.scale.multiplier + given.scale.offset
    net.fit(x, given.train.y["output"], epochs=5, batch_size=64, verbose=0)
    found = _detected(net, pictures)
    assert found.trained
    assert found.scale == scale
    assert [each.scale for each in found.tries] == ["none", "0..1", "-1..1"]


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three kinds of pictures in colour: which of the colours is a little stronger."""
    generator = np.random.default_rng(0)
    kinds = np.arange(900) % 3
    images = generator.integers(0, 256, (900, 6, 6, 3)) * 0.9
    images[np.arange(900), :, :, kinds] += 25
    path = npz(tmp_path_factory.mktemp("data") / "b.npz", x=images.astype(np.uint8), y=kinds)
    return made(path, model((6, 6, 3), (3,)))


FAMILIES = {"caffe": keras.applications.vgg16, "torch": keras.applications.densenet}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_familys_scaling_is_the_one_of_keras_applications(coloured: Dataset, name: str) -> None:
    raw = coloured.train.x["input"]
    wanted = FAMILIES[name].preprocess_input(raw.astype("float32"))
    inputs = keras.Input((6, 6, 3), name="input")
    same = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    scaled = with_scale(coloured, name)
    np.testing.assert_allclose(
        evaluation.predict(same, scaled.train, scaled.scale), wanted, atol=2e-4
    )
    part = Split({"input": raw.astype("float32") / 255}, coloured.train.y)
    unit = replace(coloured, train=part, ranges={"input": (0.0, 1.0)}, pixels=())
    scaled = with_scale(unit, name)
    np.testing.assert_allclose(
        evaluation.predict(same, scaled.train, scaled.scale), wanted, atol=2e-4
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_a_net_of_a_family_is_found_under_its_scaling(coloured: Dataset, name: str) -> None:
    keras.utils.set_random_seed(1)
    net = keras.Sequential(
        [
            keras.Input((6, 6, 3), name="input"),
            keras.layers.Conv2D(8, 3, activation="tanh"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation="softmax", name="output"),
        ]
    )
    net.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    raw = coloured.train.x["input"].astype("float32")
    x = FAMILIES[name].preprocess_input(raw)
    net.fit(x, coloured.train.y["output"], epochs=30, batch_size=64, verbose=0)
    found = _detected(net, coloured)
    assert [each.scale for each in found.tries] == ["none", "0..1", "-1..1", "caffe", "torch"]
    assert (found.trained, found.scale) == (True, name)


def test_a_familys_scaling_is_refused_without_colours(pictures: Dataset) -> None:
    with pytest.raises(PruneryError, match="three colours"):
        with_scale(pictures, "caffe")


def test_no_net_from_its_initializer_is_taken_for_trained(pictures: Dataset) -> None:
    """Some of them are better than a constant answer, beyond doubt: that is not training."""
    found = [_detected(_net(seed), pictures) for seed in range(7)]
    assert not any(each.trained for each in found)
    beyond = [each for each in found if max(t.metric.low for t in each.tries) > 0.1]
    assert beyond, "no seed shows what the test is about"


def test_a_little_trained_net_counts_where_its_optimizer_has_made_steps() -> None:
    split = Split({"x": np.zeros((50, 1))}, {"y": np.zeros(50)})
    data = Dataset(split, Split(), Split(), "binary", "integers", "", "npz", ranges={"x": (0, 9)})

    def evaluate(_: Split, __: Dataset) -> Interval:
        return Interval(value=0.54, low=0.51, high=0.57)

    assert not detect(evaluate, data, baseline=lambda _: 0.5).trained
    assert detect(evaluate, data, baseline=lambda _: 0.5, steps=300).trained
    assert not detect(evaluate, data, baseline=lambda _: 0.52, steps=300).trained


def test_an_error_is_better_when_smaller() -> None:
    split = Split({"x": np.zeros((50, 1))}, {"y": np.zeros(50)})
    data = Dataset(split, Split(), Split(), "regression", "values", "", "npz", ranges={"x": (0, 9)})

    def evaluate(_: Split, __: Dataset) -> Interval:
        return Interval(value=2.0, low=1.8, high=2.2)

    assert detect(evaluate, data, baseline=lambda _: 3.0, higher_is_better=False).trained
    assert not detect(evaluate, data, baseline=lambda _: 2.1, higher_is_better=False).trained
    nothing = Interval(value=float("nan"), low=float("nan"), high=float("nan"))
    assert not detect(
        lambda *_: nothing, data, baseline=lambda _: 3.0, higher_is_better=False
    ).trained


def test_tables_are_tried_as_they_are(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    path = npz(tmp_path / "a.npz", x=generator.normal(size=(60, 4)) * 9, y=np.arange(60) % 3)
    tries = []

    def evaluate(_: Split, dataset: Dataset) -> Interval:
        tries.append(dataset.scale.name)
        return Interval(value=0.3, low=0.2, high=0.4)

    detect(evaluate, made(path, model()), baseline=lambda _: 0.33)
    assert tries == ["none"]


def test_an_autoencoder_is_measured_against_its_own_scale(tmp_path: Path) -> None:
    """Scaled targets make a small error, not a trained net."""
    pixels = np.random.default_rng(0).integers(0, 256, (50, 8, 8)).astype(np.uint8)
    data = made(npz(tmp_path / "a.npz", x=pixels), model((8, 8), (8, 8), activation="sigmoid"))

    def half(split: Split, _: Dataset) -> Interval:
        error = float(np.mean((split.y["output"] - 0.5) ** 2))
        return Interval(value=error, low=error * 0.98, high=error * 1.02)

    def variance(split: Split) -> float:
        return float(np.var(split.y["output"]))

    found = detect(half, data, baseline=variance, higher_is_better=False, usual="0..1")
    assert not found.trained
