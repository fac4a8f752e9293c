"""Models of several outputs: each has a task, a loss and a metric of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve
from tests.engine import jobs
from tests.engine.training_nets import blobs
from worker.engine.evaluation import MeanSkill
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.cutting.batches import loss_function
from worker.engine.lottery.plans import training_plan
from worker.engine.lottery.settling.setup import set_up
from worker.engine.reporter import Reporter


def net(*, keys: tuple[str, str] | None = None) -> keras.Model:
    """A kind and a size; uncompiled. `keys`: as a dict under these, else a list."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,), name="x")
    hidden = keras.layers.Dense(12, activation="relu", name="hidden")(inputs)
    outputs = [
        keras.layers.Dense(3, activation="softmax", name="kind")(hidden),
        keras.layers.Dense(1, name="size")(hidden),
    ]
    return keras.Model(inputs, outputs if keys is None else dict(zip(keys, outputs, strict=True)))


def data(folder: Path, *names: str) -> Path:
    """Blobs, the kind and the product of two features, under these names."""
    split = blobs(240)
    x = split.x["x"]
    labels = (split.y["y"], x[:, 0] * x[:, 1] / 4)
    np.savez(folder / "data.npz", x=x, **dict(zip(names, labels, strict=False)))
    return folder / "data.npz"


def bench_for(
    folder: Path, model: keras.Model, dataset: Path | None = None, **training: Any
) -> Bench:
    model.save(folder / "net.keras")
    spec = EngineSpec(
        kind="prune",
        model=folder / "net.keras",
        dataset=dataset or data(folder, "y_kind", "y_size"),
        recipe=resolve({"training": training, "start": "untrained"}),
        work_dir=folder,
    )
    return set_up(spec, Reporter([].append))


def told(bench: Bench) -> dict[str, tuple[str, str, bool]]:
    return {str(one.output): (one.task, one.name, one.from_logits) for one in bench.metrics}


def test_an_uncompiled_model_gets_a_loss_and_a_metric_for_each_output(tmp_path: Path) -> None:
    bench = bench_for(tmp_path, net())
    assert type(bench.loss["kind"]) is keras.losses.SparseCategoricalCrossentropy
    assert type(bench.loss["size"]) is keras.losses.MeanSquaredError
    assert told(bench) == {
        "kind": ("multiclass", "accuracy", False),
        "size": ("regression", "mse", False),
    }


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


@pytest.mark.parametrize(
    "metrics",
    [
        [["sparse_top_k_categorical_accuracy"], ["mae"]],
        {"kind": ["sparse_top_k_categorical_accuracy"], "size": ["mae"]},
    ],
)
def test_each_output_is_judged_by_what_it_was_compiled_with(tmp_path: Path, metrics: Any) -> None:
    model = net()
    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss={"kind": logits, "size": "mse"}, metrics=metrics)
    assert told(bench_for(tmp_path, model)) == {
        "kind": ("multiclass", "top_5_accuracy", True),
        "size": ("regression", "mae", False),
    }


def test_shares_count_for_the_class_they_are_largest_for(tmp_path: Path) -> None:
    """Cut to whole numbers nearly all of them were class 0, so accuracy passed for misleading."""
    split = blobs(240)
    shares = np.eye(3)[split.y["y"]] * 0.7 + 0.1
    shares[:2] = np.eye(3)[1]
    np.savez(tmp_path / "data.npz", x=split.x["x"], y_kind=shares, y_size=split.x["x"][:, 0])
    bench = bench_for(tmp_path, net(), tmp_path / "data.npz")
    assert told(bench)["kind"][:2] == ("multiclass", "accuracy")


def test_the_metric_asked_for_goes_to_the_outputs_that_it_fits(tmp_path: Path) -> None:
    found = told(bench_for(tmp_path, net(), metric="f1"))
    assert [name for _, name, _ in found.values()] == ["f1", "mse"]


def test_epochs_are_told_apart_by_every_output(tmp_path: Path) -> None:
    bench = bench_for(tmp_path, net())
    assert training_plan(bench, epochs=1, schedule="linear", seed=0).gauge is bench.gauge
    assert isinstance(bench.gauge, MeanSkill)
    assert bench.gauge.metrics == bench.metrics


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


def test_outputs_of_a_dict_go_by_its_keys(tmp_path: Path) -> None:
    """Keras calls them by their layers: labels by key were not found."""
    recipe = {"training": {"epochs": 2}, "schedule": {"rounds": 1}, "objective": {}}
    dataset = data(tmp_path, "what", "length")
    done = jobs.prune(tmp_path, recipe, model=net(keys=("what", "length")), dataset=dataset)
    arrays = np.load(dataset)
    labels = {name: arrays[name] for name in ("what", "length")}
    found = done.compact.evaluate(arrays["x"], labels, verbose=0, return_dict=True)
    assert {"what_accuracy", "length_mae"} <= set(found)
    found_of = {output.name: output.comparison for output in done.report.outputs}
    assert [one.name for one in found_of["what"].per_class] == ["0", "1", "2"]
    assert found_of["length"].per_class == ()


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


def lopsided(folder: Path) -> tuple[keras.Model, Path]:
    """A trained net whose strong units serve the kind alone and whose weak ones the size alone."""
    model = net()
    first, kind, size = (np.zeros(shape, np.float32) for shape in ((6, 12), (12, 3), (12, 1)))
    first[range(6), range(6)], kind[range(6), [0, 0, 1, 1, 2, 2]] = 3.0, 3.0
    first[range(6), range(6, 12)], size[6:] = 0.3, 0.3
    for name, kernel in (("hidden", first), ("kind", kind), ("size", size)):
        model.get_layer(name).kernel.assign(kernel)
    draw = np.random.default_rng(0)
    x = draw.normal(size=(600, 6)).astype(np.float32)
    kinds, sizes = (np.asarray(told) for told in model(x))
    noise = 0.02 * draw.normal(size=600)
    np.savez(folder / "data.npz", x=x, kind=kinds.argmax(axis=1), size=sizes[:, 0] + noise)
    return model, folder / "data.npz"


def test_a_size_that_hurts_another_output_alone_is_turned_down(tmp_path: Path) -> None:
    """Half of the units go: those of the size, without which the kind is told as well as before."""
    model, dataset = lopsided(tmp_path)
    recipe = {
        "training": {"epochs": 0},
        "objective": {"max_metric_drop": 0.01},
        "schedule": {"rounds": 1, "pruning_fraction": 0.5},
    }
    report = jobs.prune(tmp_path, recipe, model=model, dataset=dataset).report
    before, after = report.levels
    assert before.metric is not None
    assert after.metric == before.metric
    assert after.why_missed is not None
    assert after.why_missed.startswith("The output size lost too much: mse ")
    assert report.verdict.outcome == "nothing_within"


def test_without_a_limit_the_report_tells_what_each_output_lost(tmp_path: Path) -> None:
    model, dataset = lopsided(tmp_path)
    recipe = {
        "training": {"epochs": 0},
        "objective": {},
        "schedule": {"rounds": 1, "pruning_fraction": 0.5},
    }
    report = jobs.prune(tmp_path, recipe, model=model, dataset=dataset).report
    kind, size = report.outputs
    assert kind.comparison == report.comparison
    assert kind.dense == kind.compact
    assert (size.name, size.task.metric, size.comparison.allowed_drop) == ("size", "mse", None)
    assert size.dense.value == pytest.approx(0.0004, rel=0.5)
    assert size.compact.value > 100 * size.dense.value
    assert any("the output kind decides" in warning for warning in report.warnings)


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


def test_one_loss_for_several_outputs_takes_each_as_it_is(tmp_path: Path) -> None:
    inputs = keras.Input((6,), name="x")
    ends = [keras.layers.Dense(1, name="plain"), keras.layers.Dense(1, "sigmoid", name="share")]
    model = keras.Model(inputs, [end(inputs) for end in ends])
    split = blobs(240)
    yes = split.y["y"] > 1
    np.savez(tmp_path / "two.npz", x=split.x["x"], y_plain=yes, y_share=yes)
    bench = bench_for(tmp_path, model, tmp_path / "two.npz", loss="binary_crossentropy")
    assert [one.from_logits for one in bench.metrics] == [True, False]
