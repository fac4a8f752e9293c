"""The losses of several outputs: which, how much each weighs, and outputs without any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from tests.engine import jobs
from tests.engine.training_nets import blobs
from tests.engine.two_outputs import bench_for, data, net
from worker.engine.loading.summary import output_activation
from worker.engine.lottery.cutting.batches import loss_function


@pytest.mark.parametrize(
    ("channels", "activation", "form", "loss"),
    [
        (1, "sigmoid", "mask", keras.losses.BinaryCrossentropy),
        (3, "softmax", "map", keras.losses.CategoricalCrossentropy),
        (3, "softmax", "numbers", keras.losses.SparseCategoricalCrossentropy),
    ],
)
def test_an_uncompiled_model_that_answers_at_every_position_gets_a_loss_that_fits(
    tmp_path: Path, channels: int, activation: str, form: str, loss: type
) -> None:
    """Masks and maps were trained as class numbers, and TensorFlow refused them."""
    inputs = keras.Input((4, 4, 1), name="x")
    last = keras.layers.Conv2D(channels, 1, activation=activation, name="where")
    draw = np.random.default_rng(0)
    numbers = draw.integers(0, max(2, channels), (40, 4, 4))
    forms = {"mask": numbers[..., None], "map": np.eye(3)[numbers % 3], "numbers": numbers}
    np.savez(tmp_path / "maps.npz", x=draw.normal(size=(40, 4, 4, 1)), y=forms[form])
    bench = bench_for(tmp_path, keras.Model(inputs, last(inputs)), tmp_path / "maps.npz")
    assert type(bench.loss) is loss
    assert not bench.loss.from_logits


def test_criteria_see_the_loss_as_it_is_weighted(tmp_path: Path) -> None:
    model = net()
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile("adam", losses, loss_weights={"kind": 0.0, "size": 3.0})
    loss = loss_function(bench_for(tmp_path, model))
    outputs = [np.eye(3, dtype=np.float32)[:2], np.ones((2, 1), np.float32)]
    labels = [np.array([2, 2]), np.zeros((2, 1), np.float32)]
    assert float(loss(labels, outputs)) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("given", "taken", "told"),
    [
        ({"kind": 2.0}, {"kind": 2.0, "size": 1.0}, "no weight for size: 1 is taken"),
        ([2.0, 3.0], {"kind": 2.0, "size": 3.0}, ""),
        ({"kinds": 2.0}, None, "of kinds, which are no outputs"),
        ([2.0], None, "1 loss_weights for 2 outputs"),
    ],
)
def test_loss_weights_that_keras_would_fail_on_are_completed_or_left_out(
    tmp_path: Path, given: Any, taken: Any, told: str
) -> None:
    model = net()
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile("adam", losses, loss_weights=given)
    bench = bench_for(tmp_path, model)
    assert bench.facts["loss_weights"] == taken
    assert told in " ".join(bench.loaded.notes)
    outputs = [np.eye(3, dtype=np.float32)[:2], np.ones((2, 1), np.float32)]
    labels = [np.array([0, 1]), np.zeros((2, 1), np.float32)]
    weight = taken["size"] if taken else 1.0
    assert float(loss_function(bench)(labels, outputs)) == pytest.approx(weight)


def test_the_recipes_loss_takes_the_models_weights_by_name(tmp_path: Path) -> None:
    """Keras pairs a list of losses with a dict of weights by the order of the alphabet."""
    model = net()
    model.compile("adam", ["mse", "mse"], loss_weights={"size": 3.0, "kind": 0.0})
    x = blobs(240).x["x"]
    np.savez(tmp_path / "data.npz", x=x, y_kind=x[:, :3], y_size=x[:, 0])
    bench = bench_for(tmp_path, model, tmp_path / "data.npz", loss="mae")
    assert bench.facts["loss_weights"] == {"kind": 0.0, "size": 3.0}
    assert bench.loss.keys() == {"kind", "size"}


def test_one_loss_that_does_not_fit_every_output_is_refused(tmp_path: Path) -> None:
    """It would have been trained with class numbers where numbers are to be met."""
    with pytest.raises(PruneryError, match="1 output units") as caught:
        bench_for(tmp_path, net(), loss="sparse_categorical_crossentropy")
    assert caught.value.errors[0].pointer == "/training/loss"


def test_an_output_without_a_loss_stays_so_in_the_file_handed_back(tmp_path: Path) -> None:
    """Keras 2 left it untrained; Keras 3 refuses to train or judge what names no loss for it."""
    model = net()
    model.compile("adam", {"kind": "sparse_categorical_crossentropy"})
    recipe = {"training": {"epochs": 1}, "schedule": {"rounds": 1}, "objective": {}}
    dataset = data(tmp_path, "y_kind", "y_size")
    done = jobs.prune(tmp_path, recipe, model=model, dataset=dataset)
    arrays = np.load(dataset)
    labels = [arrays["y_kind"], arrays["y_size"]]
    assert np.isfinite(done.compact.evaluate(arrays["x"], labels, verbose=0))


@pytest.mark.parametrize(
    ("epochs", "loss"), [(0, [None, "mse"]), (2, [None, "mse"]), (2, {"size": "mse"})]
)
def test_an_output_that_no_loss_trains_is_not_held_to_a_limit(
    tmp_path: Path, epochs: int, loss: Any
) -> None:
    model = net()
    model.compile("adam", loss=loss)
    recipe = {
        "training": {"epochs": epochs},
        "schedule": {"rounds": 1},
        "objective": {"max_metric_drop": 0.9},
    }
    dataset = data(tmp_path, "y_kind", "y_size")
    report = jobs.prune(tmp_path, recipe, model=model, dataset=dataset).report
    judged = [one.name for one in report.outputs]
    assert (judged, report.task.metric) == (
        ([], "mse") if epochs else (["kind", "size"], "accuracy")
    )


@pytest.mark.parametrize("loss", [[None, "mse"], {"size": "mse"}])
@pytest.mark.parametrize("epochs", [0, 2])
def test_an_output_that_no_loss_trains_needs_no_labels(
    tmp_path: Path, loss: Any, epochs: int
) -> None:
    model = net()
    model.compile("adam", loss=loss)
    with np.load(data(tmp_path, "y_kind", "y_size")) as full:
        np.savez(tmp_path / "sizes.npz", x=full["x"], y=full["y_size"])
    recipe = {"training": {"epochs": epochs, "class_weight": None}, "schedule": {"rounds": 1}}
    report = jobs.prune(tmp_path, recipe, model=model, dataset=tmp_path / "sizes.npz").report
    assert (report.task.metric, [one.name for one in report.outputs]) == ("mse", [])
    assert {proof.verdict for proof in report.proofs} == {"exact"}


def test_an_output_that_a_loss_trains_needs_labels(tmp_path: Path) -> None:
    model = net()
    model.compile("adam", loss=["sparse_categorical_crossentropy", "mse"])
    with np.load(data(tmp_path, "y_kind", "y_size")) as full:
        np.savez(tmp_path / "sizes.npz", x=full["x"], y_size=full["y_size"])
    with pytest.raises(PruneryError, match="kind"):
        bench_for(tmp_path, model, tmp_path / "sizes.npz")


@pytest.mark.parametrize(
    "named", ["sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"]
)
def test_a_loss_asked_for_by_name_takes_plain_numbers_where_the_model_gives_such(
    tmp_path: Path, named: str
) -> None:
    """Our own hint names a loss: a model of logits learned next to nothing with it."""
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, name="kind")])
    model.compile("adam", "sparse_categorical_crossentropy")
    bench = bench_for(tmp_path, model, data(tmp_path, "y"))
    assert any("gives plain numbers" in one for one in bench.reporter.warnings)
    bench = bench_for(tmp_path, model, data(tmp_path, "y"), loss=named)
    assert bench.loss.from_logits
    assert bench.metric is not None
    assert bench.metric.from_logits
    assert not bench.reporter.warnings
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation="softmax")])
    bench = bench_for(tmp_path, model, data(tmp_path, "y"), loss=named)
    assert not getattr(bench.loss, "from_logits", False)
    assert not bench.reporter.warnings


@pytest.mark.parametrize(
    ("activation", "mixed", "plain"),
    [
        ("softmax", lambda a, b: keras.layers.Average()([a, b]), False),
        ("softmax", lambda a, b: (a + b) * 0.5, False),
        (None, lambda a, b: (a + b) * 0.5, True),
    ],
)
def test_what_is_made_of_shares_alone_is_taken_for_no_plain_numbers(
    tmp_path: Path, activation: str | None, mixed: Any, plain: bool
) -> None:
    """The mean of two softmaxes was put through another one, where a loss was named or none was."""
    inputs = keras.Input((6,), name="x")
    ends = [keras.layers.Dense(3, activation)(inputs) for _ in range(2)]
    model = keras.Model(inputs, mixed(*ends))
    for loss in ("auto", "sparse_categorical_crossentropy"):
        bench = bench_for(tmp_path, model, data(tmp_path, "y"), loss=loss)
        assert getattr(bench.loss, "from_logits", False) is plain
        assert not bench.reporter.warnings


def test_a_chain_that_doubles_at_every_step_is_looked_through_once() -> None:
    inputs = keras.Input((3,), name="x")
    doubled = keras.layers.Dense(3, "softmax")(inputs)
    for _ in range(40):
        doubled = keras.layers.Add()([doubled, doubled])
    model = keras.Model(inputs, doubled)
    assert output_activation(model, model.outputs[0]).startswith("add(")


def test_one_loss_for_several_outputs_takes_each_as_it_is(tmp_path: Path) -> None:
    inputs = keras.Input((6,), name="x")
    ends = [keras.layers.Dense(1, name="plain"), keras.layers.Dense(1, "sigmoid", name="share")]
    model = keras.Model(inputs, [end(inputs) for end in ends])
    split = blobs(240)
    yes = split.y["y"] > 1
    np.savez(tmp_path / "two.npz", x=split.x["x"], y_plain=yes, y_share=yes)
    bench = bench_for(tmp_path, model, tmp_path / "two.npz", loss="binary_crossentropy")
    assert [one.from_logits for one in bench.metrics] == [True, False]
