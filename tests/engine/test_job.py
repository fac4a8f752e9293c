"""Whole jobs: what is asked for is done, and what is handed over can be checked by an outsider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from prunery.specs.events import LevelEvent, ProgressEvent
from tests.acceptance.checker import check
from tests.engine import jobs
from tests.engine.jobs import ALL_ROUNDS, WEIGHTS
from worker.engine.compaction import ticket
from worker.engine.lottery.results import finish
from worker.engine.masks import variable_keys


@pytest.fixture(scope="module")
def unit_job(tmp_path_factory: pytest.TempPathFactory) -> jobs.Done:
    """Two rounds of units, and two controls."""
    recipe = {**ALL_ROUNDS, **jobs.ALL_RATES, "controls": ["fresh_small", "random_units"]}
    return jobs.prune(tmp_path_factory.mktemp("units"), recipe)


@pytest.fixture(scope="module")
def weight_job(tmp_path_factory: pytest.TempPathFactory) -> jobs.Done:
    """Three rounds of weights, rewound to the initial ones."""
    recipe = jobs.merged(WEIGHTS, {"schedule": {"pruning_fraction": 0.2, "rounds": 3}})
    return jobs.prune(tmp_path_factory.mktemp("weights"), recipe)


def test_a_unit_job_hands_over_files_that_an_outsider_can_check(unit_job: jobs.Done) -> None:
    assert check(unit_job.model, unit_job.out) == []
    report = unit_job.report
    assert report.compact.parameters < report.dense.parameters
    assert report.dense.metric is not None
    assert report.dense.metric.value > 0.6
    assert [level.level for level in report.levels] == [0, 1, 2]
    assert {control.control for control in report.controls} == {"fresh_small", "random_units"}
    assert report.proofs[0].verdict == "exact"


def test_progress_never_falls_and_every_level_is_told(unit_job: jobs.Done) -> None:
    shares = [event.share for event in unit_job.events if isinstance(event, ProgressEvent)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert [e.level for e in unit_job.events if isinstance(e, LevelEvent)] == [0, 1, 2]


def test_the_loop_that_the_recipe_names_trains(tmp_path: Path) -> None:
    training = {"epochs": 1, "loop": "fit"}  # which no trial chooses
    recipe = {"objective": {}, "schedule": {"rounds": 1}, "training": training, **jobs.ONE_ARM}
    done = jobs.prune(tmp_path, recipe)
    assert done.report.method.training_loop == "fit"


def test_weights_masked_in_rounds_hold_the_papers_density(weight_job: jobs.Done) -> None:
    alive = {"first": 72, "second": 144, "output": 36}
    for level in weight_job.report.levels[1:]:
        for name in alive:
            fraction = (1, 5) if name != "output" else (1, 10)  # the output layer at half of it
            alive[name] -= alive[name] * fraction[0] // fraction[1]
        assert level.density == pytest.approx(sum(alive.values()) / 252)
    assert check(weight_job.model, weight_job.out, units=False) == []


def test_rewinding_brings_the_initial_weights_back(weight_job: jobs.Done) -> None:
    upload = variable_keys(keras.saving.load_model(weight_job.model, compile=False))
    mask, rewound = ticket.load(weight_job.out / "ticket.npz")
    for key, value in rewound.items():
        assert (value == np.asarray(upload[key])).all()
        assert mask[key].any()
        assert not mask[key].all()


def test_without_training_the_surviving_weights_are_the_uploads(tmp_path: Path) -> None:
    recipe = {"training": {"epochs": 0}, "schedule": {"rounds": 1, "pruning_fraction": 0.5}}
    done = jobs.prune(tmp_path, recipe, dataset=None)
    assert check(done.model, done.out, trained=False) == []
    assert done.report.compact.parameters < done.report.dense.parameters
    assert done.report.compact.metric is None


def test_a_parameter_target_is_hit_from_below_and_closely(tmp_path: Path) -> None:
    recipe = {
        "objective": {"parameters_ratio": 0.6},
        "schedule": {"kind": "one_shot", "rounds": 1},
        "scope": "layer",
        **jobs.ONE_ARM,
    }
    done = jobs.prune(tmp_path, recipe)
    dense, compact = done.report.dense.parameters, done.report.compact.parameters
    assert compact <= 0.6 * dense
    assert compact > 0.6 * dense - 30, "one unit more would have met it, too"
    assert done.report.verdict.target_met is True


def test_protected_layers_keep_every_unit(tmp_path: Path) -> None:
    recipe = {**ALL_ROUNDS, **jobs.ONE_ARM, "protect": ["first"], "schedule": {"rounds": 1}}
    done = jobs.prune(tmp_path, recipe)
    kernel = variable_keys(done.compact)["first/kernel"]
    assert tuple(kernel.shape) == (6, 12)
    assert variable_keys(done.compact)["second/kernel"].shape[1] < 12


def test_a_layer_that_does_not_exist_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(PruneryError) as caught:
        jobs.prune(tmp_path, {**ALL_ROUNDS, "protect": ["first", "thrid"]})
    assert caught.value.code == "recipe_invalid"
    assert caught.value.errors[0].pointer == "/protect/1"
    assert "first" in caught.value.errors[0].message


def test_a_model_without_prunable_units_comes_back_with_the_reason(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((6,), name="x"), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    done = jobs.prune(tmp_path, ALL_ROUNDS, model=model)
    assert done.report.verdict.outcome == "nothing_to_remove"
    assert done.report.not_removed
    assert done.report.compact.parameters == done.report.dense.parameters


def test_nothing_within_the_limit_hands_back_the_dense_model(tmp_path: Path) -> None:
    recipe = {
        "objective": {"max_metric_drop": 0.0},
        "schedule": {"kind": "one_shot", "rounds": 2, "pruning_fraction": 0.9},
        "training": {"retrain_epochs": 1, "learning_rate": 1e-6, "epochs": 1},
        "minimum_kept": 0.0,
        "start": "trained",
        "rewind": {"to": "none"},
    }
    done = jobs.prune(tmp_path, recipe, model=jobs.trained())
    assert done.report.verdict.outcome == "nothing_within"
    assert done.report.chosen_level == 0


@pytest.mark.parametrize(
    ("granularity", "more"),
    [("block", {"block_shape": [2, 3]}), ("n:m", {"n_m": [2, 4]})],
)
def test_structured_masks_are_what_they_say(
    tmp_path: Path, granularity: str, more: dict[str, Any]
) -> None:
    recipe = {**WEIGHTS, "granularity": granularity, "schedule": {"rounds": 1}, **more}
    done = jobs.prune(tmp_path, recipe)
    mask, _ = ticket.load(done.out / "ticket.npz")
    kernel = mask["second/kernel"]
    if granularity == "n:m":
        assert (kernel.reshape(3, 4, 12).sum(axis=1) == 2).all()
    else:
        blocks = kernel.reshape(6, 2, 4, 3).transpose(0, 2, 1, 3).reshape(24, 6)
        assert set(blocks.sum(axis=1)) == {0, 6}
    assert check(done.model, done.out, units=False) == []


def test_the_literal_article_removes_what_lies_below_its_threshold(tmp_path: Path) -> None:
    recipe = {
        **ALL_ROUNDS,
        "criterion": {"name": "threshold", "threshold": 0.01},
        "minimum_kept": 0.0,
    }
    done = jobs.prune(tmp_path, recipe)
    assert any("at or below 0.01" in warning for warning in done.report.warnings)
    assert len(done.report.levels) <= 2


def test_distillation_is_a_trial_that_the_report_tells_of(tmp_path: Path) -> None:
    recipe = {**ALL_ROUNDS, "training": {"distillation": 0.5}, "schedule": {"rounds": 1}}
    done = jobs.prune(tmp_path, {**recipe, **jobs.ONE_ARM})
    (said,) = [d for d in done.report.method.decisions if d.field == "training.distillation"]
    assert "on validation" in said.why
    assert said.chosen in ("0", "0.5")
    assert check(done.model, done.out) == []


def test_without_labels_a_trained_model_is_retrained_by_its_dense_self(tmp_path: Path) -> None:
    model, train = jobs.trained(), jobs.blobs(240)
    np.savez(tmp_path / "unlabelled.npz", x=train.x["x"])
    recipe = {**ALL_ROUNDS, "start": "trained", "training": {"distillation": 1, "epochs": 8}}
    recipe["schedule"] = {"rounds": 1}
    done = jobs.prune(tmp_path, recipe, model=model, dataset=tmp_path / "unlabelled.npz")
    assert check(done.model, done.out) == []
    told = done.compact.predict(train.x["x"], verbose=0).argmax(-1)
    assert (told == model.predict(train.x["x"], verbose=0).argmax(-1)).mean() > 0.8


def test_labels_are_needed_where_nothing_else_teaches(tmp_path: Path) -> None:
    np.savez(tmp_path / "unlabelled.npz", x=jobs.blobs(60).x["x"])
    with pytest.raises(PruneryError) as caught:
        jobs.prune(tmp_path, ALL_ROUNDS, dataset=tmp_path / "unlabelled.npz")
    assert caught.value.code == "dataset_mismatch"
    assert "distillation" in caught.value.hint


def test_replicates_show_every_run(tmp_path: Path) -> None:
    recipe = {"objective": {}, "replicates": 3, "controls": ["random_units"], "seed": 4}
    done = jobs.prune(tmp_path, jobs.merged(recipe, {"schedule": {"rounds": 1}}, jobs.ONE_ARM))
    runs = done.report.replicates
    assert [run.seed for run in runs] == [4, 5, 6]
    drawn = {(run.dense, run.compact, run.controls["random_units"]) for run in runs}
    assert len(drawn) > 1, "other seeds draw other weights"
    assert all("random_units" in run.controls for run in runs)
    assert done.report.compact.metric is not None
    assert runs[0].compact == done.report.compact.metric.value


def test_every_replicate_ships_what_won_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finish, "winner", lambda *given: given[-1][0])
    recipe = {"objective": {}, "replicates": 2, "controls": ["random_units"]}
    done = jobs.prune(tmp_path, jobs.merged(recipe, {"schedule": {"rounds": 1}}, jobs.ONE_ARM))
    for run in done.report.replicates:
        assert run.compact == run.controls["random_units"]


def test_an_early_bird_ends_the_dense_training_when_its_mask_has_settled(tmp_path: Path) -> None:
    recipe = {
        "objective": {},
        "schedule": {"early_bird": True, "rounds": 1},
        "training": {"epochs": 40, "early_stopping": False, "retrain_epochs": 1},
        **jobs.ONE_ARM,
    }
    done = jobs.prune(tmp_path, recipe)
    epochs = done.report.levels[0].epochs_trained
    assert epochs is not None
    assert 6 <= epochs < 40
    assert any("early bird" in warning for warning in done.report.warnings)


@pytest.mark.parametrize("granularity", ["unit", "weight"])
def test_a_sensitivity_scan_spares_what_the_metric_needs(tmp_path: Path, granularity: str) -> None:
    recipe = {"objective": {}, "scope": "sensitivity", "granularity": granularity}
    done = jobs.prune(tmp_path, jobs.merged(recipe, {"schedule": {"rounds": 1}}, jobs.ONE_ARM))
    losses = done.report.extra["sensitivity"]["1"]
    assert all(set(depths) == {"0.25", "0.5", "0.75"} for depths in losses.values())
    assert done.report.compact.live_parameters < done.report.dense.live_parameters
