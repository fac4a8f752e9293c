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

from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve
from tests.engine import jobs
from worker.engine.lottery import distilling, rewinding, trials, weight_cut
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.controls import _narrow, _random_units
from worker.engine.lottery.dense import Dense
from worker.engine.lottery.fresh import reinitialize
from worker.engine.lottery.rescale import rescale_init
from worker.engine.lottery.setup import set_up
from worker.engine.lottery.trainer import Trainer
from worker.engine.masks import variable_keys
from worker.engine.reporter import Reporter
from worker.engine.training import State

UNTRAINED: dict[str, Any] = {
    "training": {"epochs": 0},
    "objective": {},
    "minimum_kept": 0.0,
    "schedule": {"rounds": 1, "pruning_fraction": 0.2},
}
layers = keras.layers


@dataclass
class Named:
    """Stands for a trial, and for its compact network."""

    compacted: Any

    @property
    def model(self) -> Any:
        return self.compacted


def net(kind: str, hidden: int = 12) -> keras.Model:
    """Two hidden layers: plain, with BatchNorm, or one around the other."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((6,), name="x")
    x = layers.Dense(hidden, "relu", name="first")(x)
    y = layers.Dense(hidden, name="second")(x)
    if kind == "normalised":
        y = layers.BatchNormalization(momentum=0.9999, name="norm")(y)
    if kind == "residual":
        y = layers.Add(name="sum")([x, y])
    y = layers.ReLU(name="relu")(y)
    model = keras.Model(inputs, layers.Dense(3, "softmax", name="output")(y))
    model.compile(
        keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def bench(folder: Path, model: keras.Model, recipe: dict[str, Any]) -> Bench:
    """The job as it stands before its first round."""
    model.save(folder / "net.keras")
    spec = EngineSpec(
        kind="prune",
        model=folder / "net.keras",
        dataset=jobs.data(folder / "data.npz"),
        recipe=resolve(jobs.merged(jobs.QUICK, recipe)),
        work_dir=folder / "work",
        out_dir=folder / "out",
    )
    spec.work_dir.mkdir()
    return set_up(spec, Reporter([].append))


@pytest.mark.parametrize(
    ("kind", "start", "rewinds"),
    [
        ("plain", "untrained", ["initial", "none"]),
        ("normalised", "untrained", ["learning_rate"]),
        ("residual", "untrained", ["learning_rate"]),
        ("plain", "trained", ["none"]),
        ("normalised", "trained", ["none"]),
    ],
)
def test_nets_with_normalisation_or_residuals_are_not_reset_to_their_initial_weights(
    tmp_path: Path, kind: str, start: str, rewinds: list[str]
) -> None:
    job = bench(tmp_path, net(kind), {"objective": {}, "start": start})
    found = [arm.rewind for arm in rewinding.arms(job) if arm.schedule == "constant_ema"]
    assert found == rewinds


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
    done = jobs.prune(tmp_path, {"objective": {}}, model=net("normalised"))
    model, x = done.compact, jobs.blobs(240).x["x"]
    into = keras.Model(model.inputs, model.get_layer("second").output)
    seen = into.predict([x], verbose=0)
    mean = np.asarray(model.get_layer("norm").moving_mean)
    assert np.abs(mean - seen.mean(axis=0)).max() < 0.25 * seen.std(axis=0).max()
    assert np.abs(mean).max() > 0.1, "their start is 0"


def test_rewound_kernels_take_the_small_nets_scale() -> None:
    """A kept unit carries the wide net's smaller Glorot scale."""
    small = net("plain", hidden=12)
    before = {key: np.asarray(v) for key, v in variable_keys(small).items()}
    full = {key: tuple(v.shape) for key, v in variable_keys(net("plain", hidden=48)).items()}
    factors = rescale_init(small, full)
    assert factors["second/kernel"] == pytest.approx(np.sqrt(96 / 24))
    assert factors["first/kernel"] == pytest.approx(np.sqrt((6 + 48) / (6 + 12)))
    assert not any(key.endswith("bias") for key in factors)
    after = np.asarray(variable_keys(small)["second/kernel"])
    np.testing.assert_allclose(after, before["second/kernel"] * 2, rtol=1e-6)


def test_fresh_weights_of_a_small_net_are_of_its_own_scale() -> None:
    """Not slices of the wide net's draw: that is the other control."""
    small = net("plain", hidden=12)
    reinitialize(small, seed=5)
    limit = np.sqrt(6 / (12 + 12))
    drawn = np.abs(np.asarray(small.get_layer("second").kernel))
    assert 0.9 * limit < drawn.max() <= limit
    assert (np.asarray(small.get_layer("second").bias) == 0).all()


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


def test_random_units_are_as_many_of_each_group_and_others(tmp_path: Path) -> None:
    job = bench(tmp_path, net("plain", hidden=40), {"objective": {}})
    kept = {name: np.arange(9) for name in job.graph.groups}
    drawn = _random_units(job, kept, seed=1)
    assert {name: len(units) for name, units in drawn.items()} == dict.fromkeys(kept, 9)
    assert all((drawn[name] != kept[name]).any() for name in kept)


def test_the_small_net_beside_a_masked_one_is_no_larger(tmp_path: Path) -> None:
    recipe = {"objective": {}, "granularity": "weight"}
    job = bench(tmp_path, net("plain", hidden=40), recipe)
    narrow = _narrow(job, 600)
    widths = {len(units) for units in narrow.values()}
    assert len(widths) == 1, "uniformly narrower"
    (n,) = widths
    assert 6 * n + n + n * n + n + 3 * n + 3 <= 600 < 6 * (n + 1) + (n + 1) ** 2 + 5 * (n + 1) + 3


def test_a_fresh_small_net_knows_nothing_of_a_late_rewind_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the step nor the moments that the ticket beside it goes back to."""
    started: dict[str, Any] = {}
    run = Trainer.run

    def watched(self: Trainer, name: str, *given: Any, state: Any = None, **more: Any) -> Any:
        started[name] = state
        return run(self, name, *given, state=state, **more)

    monkeypatch.setattr(Trainer, "run", watched)
    recipe = {
        "objective": {},
        "rewind": {"to": "step", "at": 9},
        "schedule": {"rounds": 1},
        "controls": ["fresh_small", "random_units"],
        "training": {"schedule": "from model", "early_stopping": False, "epochs": 1},
    }
    jobs.prune(tmp_path, recipe)
    assert started["control/random_units"].step == 9
    assert started["control/random_units"].optimizer
    assert started["control/fresh_small"].step == 0
    assert started["control/fresh_small"].optimizer is None


@pytest.mark.parametrize(
    ("rates", "held"),
    [([0.1, 0.1, 0.001], [0.001]), ([0.1, 0.05, 0.0], None), ([0.2, 0.2], [0.2])],
)
def test_fine_tuning_goes_on_at_the_last_rate_and_rewinding_replays_all(
    tmp_path: Path, rates: list[float], held: list[float] | None
) -> None:
    """A schedule that starts again would be learning-rate rewinding by another name."""
    np.save(tmp_path / "rates.npy", np.array(rates, np.float32))
    dense = Dense(record=None, folder=tmp_path)  # type: ignore[arg-type]
    job: Any = None

    def trace(rewind: Any) -> Any:
        return trials.beginning(job, rewinding.Arm(rewind, "from model"), dense, {}).rate_trace

    assert trace("learning_rate").tolist() == np.array(rates, np.float32).tolist()
    found = trace("none")
    assert (None if found is None else found.tolist()) == (
        None if held is None else np.array(held, np.float32).tolist()
    )
    assert trace("fresh") is None


def test_levels_start_with_the_moments_of_their_rewind_point_and_not_with_stale_ones(
    tmp_path: Path,
) -> None:
    """Rewound to the initial weights, the retraining's first step is the dense training's own."""
    recipe = {
        "objective": {},
        "granularity": "weight",
        "scope": "layer",
        "minimum_kept": 0.0,
        "rewind": {"to": "initial"},
        "schedule": {"rounds": 2, "pruning_fraction": 0.02},
        "training": {
            "schedule": "from model",
            "early_stopping": False,
            "epochs": 1,
            "batch_size": 240,
        },
    }
    model = net("plain")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), model.loss)
    jobs.prune(tmp_path, recipe, model=model)
    moved = [
        State.load(tmp_path / "levels" / str(level) / "trained.npz").weights["second/bias"]
        for level in (0, 1, 2)
    ]
    for level in (1, 2):
        ratio = np.abs(moved[level]).max() / np.abs(moved[0]).max()
        assert ratio == pytest.approx(1, abs=0.2), "one step more of momentum makes it 1.9"
