"""Where a job begins, and where its levels go back to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from tests.engine import jobs
from tests.engine.jobs import ALL_ROUNDS, WEIGHTS
from tests.engine.training_nets import blobs
from worker.engine.compaction import ticket
from worker.engine.masks import variable_keys
from worker.engine.training import State


def test_trained_uploads_keep_their_weights_as_the_dense_model(tmp_path: Path) -> None:
    model = jobs.trained()
    recipe = {**ALL_ROUNDS, "schedule": {"rounds": 1}, "training": {"batch_size": "auto"}}
    done = jobs.prune(tmp_path, recipe, model=model)
    decisions = {d.field: d.chosen for d in done.report.method.decisions}
    assert decisions["start"] == "trained"
    told = {d.field: d.why for d in done.report.method.decisions}["training.batch_size"]
    assert told.startswith(f"{done.report.data.examples['train']} training examples")
    assert decisions["validation"] == "every second test example"
    assert done.report.levels[0].epochs_trained == 0
    assert not done.report.data.test_seen
    dense = keras.saving.load_model(tmp_path / "levels" / "0" / "model.keras")
    for ours, theirs in zip(dense.get_weights(), model.get_weights(), strict=True):
        assert (ours == theirs).all()


def test_examples_that_a_trained_upload_may_know_are_not_called_unseen(tmp_path: Path) -> None:
    """Those of an upload's test were drawn from what it had learned: it lost by being cut."""
    split = blobs(240)
    np.savez(tmp_path / "bare.npz", x=split.x["x"], y=split.y["y"])
    bare, model = tmp_path / "bare.npz", jobs.trained()
    recipe = {**ALL_ROUNDS, "schedule": {"rounds": 1}}
    report = jobs.prune(tmp_path, recipe, model=model, dataset=bare).report
    assert report.data.test_seen
    assert any("Give test examples that it has never seen" in one for one in report.warnings)
    recipe = jobs.merged(recipe, {"start": "reinitialize"})
    (tmp_path / "anew").mkdir()
    report = jobs.prune(tmp_path / "anew", recipe, model=model, dataset=bare).report
    assert not report.data.test_seen


@pytest.mark.parametrize("start", ["trained", "auto"])
def test_an_initial_model_is_what_a_trained_upload_is_rewound_to(
    tmp_path: Path, start: str
) -> None:
    initial, model = jobs.net(3), jobs.trained(3)
    initial.save(tmp_path / "initial.keras")
    recipe = jobs.merged(WEIGHTS, {"start": start, "schedule": {"rounds": 1}})
    done = jobs.prune(tmp_path, recipe, model=model, initial_model=tmp_path / "initial.keras")
    assert done.report.levels[0].epochs_trained == 0
    _, rewound = ticket.load(done.out / "ticket.npz")
    for key, variable in variable_keys(initial).items():
        if key in rewound:
            assert (rewound[key] == np.asarray(variable)).all()


def test_known_initial_weights_of_a_plain_net_are_tried(tmp_path: Path) -> None:
    initial, model = jobs.net(3), jobs.trained(3)
    initial.save(tmp_path / "initial.keras")
    recipe = {"objective": {}, "schedule": {"kind": "iterative", "rounds": 1}}
    done = jobs.prune(tmp_path, recipe, model=model, initial_model=tmp_path / "initial.keras")
    (why,) = [d.why for d in done.report.method.decisions if d.field == "rewind.to"]
    assert "rewound to the initial weights" in why
    assert "fine-tuned" in why


@pytest.mark.parametrize("to", ["initial", "epoch"])
def test_an_upload_found_trained_is_not_rewound_to_weights_that_nobody_knows(
    tmp_path: Path, to: str
) -> None:
    with pytest.raises(PruneryError, match="no such weights to go back to") as caught:
        jobs.prune(tmp_path, {"objective": {}, "rewind": {"to": to}}, model=jobs.trained())
    assert [error.pointer for error in caught.value.errors] == ["/rewind/to"]
    assert not list((tmp_path / "levels").glob("0"))


def test_a_rewind_point_beyond_the_end_of_training_is_its_end(tmp_path: Path) -> None:
    recipe: dict[str, Any] = {
        "objective": {},
        "rewind": {"to": "epoch", "at": 59},
        "schedule": {"rounds": 1},
        "training": {"epochs": 60, "schedule": "from model"},
    }
    done = jobs.prune(tmp_path, recipe)
    assert done.report.levels[0].epochs_trained is not None
    assert done.report.levels[0].epochs_trained < 60
    assert any("did not reach the rewind point" in one for one in done.report.warnings)
    point, trained = (
        State.load(tmp_path / "levels" / "0" / f"{name}.npz") for name in ("snapshot", "trained")
    )
    for key, value in trained.weights.items():
        assert (point.weights[key] == value).all()


@pytest.mark.parametrize(
    ("rewind", "said"),
    [
        ({"to": "step", "at": 7}, "early step"),
        ({"to": "epoch", "at": 1}, "early epoch"),
        ({"to": "learning_rate"}, "learning rate rewound"),
        ({"to": "none"}, "fine-tuned"),
    ],
)
@pytest.mark.parametrize("granularity", ["unit", "weight"])
def test_every_rewind_point_is_where_a_level_starts(
    tmp_path: Path, rewind: dict[str, Any], said: str, granularity: str
) -> None:
    recipe: dict[str, Any] = {
        "objective": {},
        "granularity": granularity,
        "rewind": rewind,
        "schedule": {"rounds": 1},
        "training": {"schedule": "from model", "early_stopping": False},
    }
    done = jobs.prune(tmp_path, recipe)
    level = done.report.levels[1]
    assert level.arm is not None
    assert said in level.arm
    _, rewound = ticket.load(done.out / "ticket.npz")
    folder = tmp_path / "levels" / "0"
    file = "snapshot.npz" if "at" in rewind else "trained.npz"
    start = State.load(folder / file)
    mask, _ = ticket.load(done.out / "ticket.npz")
    for key, value in rewound.items():
        assert (value[mask[key]] == start.weights[key][mask[key]]).all()
    if "at" in rewind:
        steps = 20  # 240 examples in batches of 12; nothing is held out, since nothing is chosen
        assert start.step == rewind["at"] * (1 if rewind["to"] == "step" else steps)
        assert start.optimizer, "slots are part of the state that a rewind brings back"


@pytest.mark.parametrize(
    ("granularity", "path", "instead"),
    [("unit", "output", "first, second"), ("weight", "relu", "first, second, output")],
)
def test_a_fraction_of_what_has_nothing_to_lose_is_refused_with_its_place(
    tmp_path: Path, granularity: str, path: str, instead: str
) -> None:
    first, second, output = jobs.net().layers
    relu = keras.layers.ReLU(name="relu")
    model = keras.Sequential([keras.Input((6,), name="x"), first, second, relu, output])
    recipe = {"granularity": granularity, "layer_fractions": {"first": 0.1, path: 0.3}}
    recipe |= {"training": {"epochs": 0}, "objective": {}}
    with pytest.raises(PruneryError) as caught:
        jobs.prune(tmp_path, recipe, model=model, dataset=None)
    (error,) = caught.value.errors
    assert error.pointer == f"/layer_fractions/{path}"
    assert error.message.endswith(f"instead: {instead}.")


def test_a_path_means_all_that_lies_inside(tmp_path: Path) -> None:
    """A recurrent layer's kernels are its cell's; so is the output layer's half of the fraction."""
    inputs = keras.Input((5, 6), name="x")
    x = keras.layers.LSTM(8, return_sequences=True, name="lstm")(inputs)
    model = keras.Model(inputs, keras.layers.GRU(4, name="gru")(x))
    recipe = {
        "granularity": "weight",
        "scope": "layer",
        "layer_fractions": {"lstm": 0.5},
        "schedule": {"rounds": 1, "pruning_fraction": 0.2},
        **{"training": {"epochs": 0}, "objective": {}, "minimum_kept": 0.0},
    }
    done = jobs.prune(tmp_path, recipe, model=model, dataset=None)
    mask, _ = ticket.load(done.out / "ticket.npz")
    gone = {key: int((~kept).sum()) for key, kept in mask.items()}
    assert gone["lstm/lstm_cell/kernel"] == 6 * 32 // 2
    assert gone["gru/gru_cell/kernel"] == 8 * 12 // 10


@pytest.mark.parametrize(
    ("recipe", "pointer", "instead"),
    [
        ({"training": {"loss": "hinge"}}, "/training/loss", "sparse_categorical_crossentropy"),
        ({"rewind": {"to": "step", "at": 81}, "training": {"epochs": 4}}, "/rewind/at", "at most"),
    ],
)
def test_what_the_data_rule_out_is_refused_without_a_server_too(
    tmp_path: Path, recipe: dict[str, Any], pointer: str, instead: str
) -> None:
    with pytest.raises(PruneryError) as caught:
        jobs.prune(tmp_path, {**recipe, "objective": {}})
    (error,) = caught.value.errors
    assert error.pointer == pointer
    assert instead in error.message
    assert not list((tmp_path / "levels").glob("0"))
