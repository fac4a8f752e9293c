"""Models of several outputs: each has a task, a loss and a metric of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.engine import jobs
from tests.engine.training_nets import blobs
from tests.engine.two_outputs import bench_for, data, net, told
from worker.engine.evaluation import MeanSkill
from worker.engine.lottery.plans import training_plan


def test_an_uncompiled_model_gets_a_loss_and_a_metric_for_each_output(tmp_path: Path) -> None:
    bench = bench_for(tmp_path, net())
    assert type(bench.loss["kind"]) is keras.losses.SparseCategoricalCrossentropy
    assert type(bench.loss["size"]) is keras.losses.MeanSquaredError
    assert told(bench) == {
        "kind": ("multiclass", "accuracy", False),
        "size": ("regression", "mse", False),
    }


@pytest.mark.parametrize(
    "metrics",
    [
        [["f1_score"], ["mae"]],
        {"kind": ["f1_score"], "size": ["mae"]},
    ],
)
def test_each_output_is_judged_by_what_it_was_compiled_with(tmp_path: Path, metrics: Any) -> None:
    model = net()
    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss={"kind": logits, "size": "mse"}, metrics=metrics)
    assert told(bench_for(tmp_path, model)) == {
        "kind": ("multiclass", "f1", True),
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
