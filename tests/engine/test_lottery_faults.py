"""Faults of other people's lottery code that show in a whole job, or in how a round is planned.

docs/lottery-faults.md names the test of every fault; most stand beside the code that they are of.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.engine import jobs
from tests.engine.benches import bench, net
from worker.engine.lottery import distilling
from worker.engine.lottery.cutting import weight_cut
from worker.engine.masks import variable_keys

UNTRAINED: dict[str, Any] = {
    "training": {"epochs": 0},
    "objective": {},
    "minimum_kept": 0.0,
    "schedule": {"rounds": 1, "pruning_fraction": 0.2},
}


@dataclass
class Named:
    """Stands for a trial, and for its compact network."""

    compacted: Any

    @property
    def model(self) -> Any:
        return self.compacted


def test_the_test_examples_choose_nothing(tmp_path: Path) -> None:
    """Another test split changes what is reported of the answer, and nothing of the answer."""
    recipe = {"objective": {"max_metric_drop": 0.1}, "controls": ["fresh_small"]}
    train, test = jobs.blobs(240), jobs.blobs(120, seed=7)
    done = []
    for name, labels in (("true", test.y["y"]), ("wrong", (test.y["y"] + 1) % 3)):
        folder = tmp_path / name
        folder.mkdir()
        arrays = {"x_train": train.x["x"], "y_train": train.y["y"], "x_test": test.x["x"]}
        np.savez(folder / "data.npz", y_test=labels, **arrays)
        done.append(jobs.prune(folder, recipe, dataset=folder / "data.npz"))
    one, other = (job.report for job in done)
    assert done[0].weights() == done[1].weights()
    assert one.chosen_level == other.chosen_level
    assert [level.metric for level in one.levels] == [level.metric for level in other.levels]
    assert one.compact.metric is not None
    assert other.compact.metric is not None
    assert one.compact.metric.value > 0.8 > 0.2 > other.compact.metric.value


def test_where_nothing_is_chosen_all_of_train_is_trained_on_and_it_is_said(tmp_path: Path) -> None:
    recipe = {
        "objective": {},
        "rewind": {"to": "initial"},
        "training": {"schedule": "from model", "early_stopping": False},
    }
    job = bench(tmp_path, net("plain"), recipe)
    assert job.dataset is not None
    assert (len(job.dataset.train), len(job.dataset.validation)) == (240, 0)
    assert ("validation", "none held out") in [(d.field, d.chosen) for d in job.reporter.decisions]


def test_a_layer_that_would_have_collapsed_is_spared_and_told(tmp_path: Path) -> None:
    model = net("plain")
    weak = model.get_layer("second")
    weak.kernel.assign(np.asarray(weak.kernel) * 1e-4)
    recipe = jobs.merged(
        UNTRAINED,
        {"granularity": "weight", "scope": "global", "schedule": {"pruning_fraction": 0.7}},
    )
    done = jobs.prune(tmp_path, recipe, model=model, dataset=None)
    (told,) = [warning for warning in done.report.warnings if "spared" in warning]
    assert told.startswith("second ")
    gone = 216 * 7 // 10 + 36 * 35 // 100
    assert done.report.levels[1].density == pytest.approx(1 - gone / 252), "the quota is met"


def test_parameters_count_everything_and_density_kernels_alone(tmp_path: Path) -> None:
    model = net("normalised")
    recipe = jobs.merged(UNTRAINED, {"granularity": "weight", "scope": "layer"})
    report = jobs.prune(tmp_path, recipe, model=model, dataset=None).report
    kernels = 6 * 12 + 12 * 12 + 12 * 3
    assert report.dense.parameters == model.count_params() == kernels + 12 + 12 + 3 + 4 * 12
    gone = 72 // 5 + 144 // 5 + 36 // 10
    assert report.levels[1].density == pytest.approx(1 - gone / kernels)


def test_a_fifth_of_the_units_is_over_a_third_of_an_inner_kernel(tmp_path: Path) -> None:
    recipe = jobs.merged(UNTRAINED, {"scope": "layer"})
    done = jobs.prune(tmp_path, recipe, model=net("plain", hidden=50), dataset=None)
    kernel = variable_keys(done.compact)["second/kernel"]
    assert tuple(kernel.shape) == (40, 40)
    assert pytest.approx(0.36) == 1 - 40 * 40 / (50 * 50)


def test_output_layer_loses_half_the_fraction_and_biases_and_norms_nothing(tmp_path: Path) -> None:
    recipe = {"granularity": "weight", "objective": {}, "schedule": {"pruning_fraction": 0.2}}
    found = weight_cut.fractions(bench(tmp_path, net("normalised"), recipe), 1)
    wanted = {"first/kernel": 0.2, "second/kernel": 0.2, "output/kernel": 0.1}
    assert found == pytest.approx(wanted)


def test_statistics_that_lag_are_brought_up_to_date_before_a_level_is_judged(
    tmp_path: Path,
) -> None:
    """At momentum 0.9999 the few steps of a retraining leave BatchNorm at its start."""
    recipe = {"objective": {}, "schedule": {"rounds": 1}}
    done = jobs.prune(tmp_path, recipe, model=net("normalised"))
    model, x = done.compact, jobs.blobs(240).x["x"]
    into = keras.Model(model.inputs, model.get_layer("second").output)
    seen = into.predict([x], verbose=0)
    mean = np.asarray(model.get_layer("norm").moving_mean)
    assert np.abs(mean - seen.mean(axis=0)).max() < 0.25 * seen.std(axis=0).max()
    assert np.abs(mean).max() > 0.1, "their start is 0"


@pytest.mark.parametrize(("gained", "kept"), [(0, "0"), (2, "0"), (20, "0.5")])
def test_a_distilled_net_is_kept_only_beyond_the_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gained: int, kept: str
) -> None:
    """Of 24 examples two more right may be luck."""
    job = bench(tmp_path, net("plain"), {"objective": {"max_metric_drop": 0.1}})
    (truth,) = job.judged_split.y.values()
    right = np.arange(len(truth)) < gained
    answers = {
        "plain": np.eye(3)[(truth + 1) % 3],
        "taught": np.eye(3)[np.where(right, truth, (truth + 1) % 3)],
    }
    monkeypatch.setattr(distilling, "predictions", lambda _bench, name, _split: answers[name])
    plain, taught = (Named(Named(name)) for name in answers)
    assert distilling._better(job, plain, taught, 0.5) == (kept != "0")
    assert ("training.distillation", kept) in [(d.field, d.chosen) for d in job.reporter.decisions]
