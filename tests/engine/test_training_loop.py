"""Which loop runs is measured; a compiled one is kept; precision is a setting of the run."""

from __future__ import annotations

import time

import keras
import numpy as np
import pytest

from tests.engine.training_nets import Arrays, blobs, half_masks, mlp, weights
from worker.engine.evaluation import choose_metric, predict
from worker.engine.training import TrainingPlan, capture, train
from worker.engine.training.compiled import loops
from worker.engine.training.compiled.choice import CLEAR_WIN, LONG_MILLISECONDS, decided, expected
from worker.engine.training.compiled.loop import Loop
from worker.engine.training.compiled.step import Layout

LOSS = "sparse_categorical_crossentropy"


def _plan(optimizer=None, **changes) -> TrainingPlan:
    settings = {"epochs": 2, "batch_size": 16, "loop": "graph"} | changes
    return TrainingPlan(optimizer or keras.optimizers.Adam(0.01), LOSS, **settings)


def test_trial_leaves_no_trace_in_what_is_trained():
    split, model = blobs(640), mlp()
    start = capture(model)
    chosen = train(model, split, None, _plan(loop="auto"), state=start)
    assert set(chosen.loop.milliseconds_per_step) == {"graph", "xla"}
    other = mlp()
    pinned = train(other, split, None, _plan(loop=chosen.loop.kind), state=start)
    for one, two in zip(weights(model), weights(other), strict=True):
        assert np.array_equal(one, two)
    assert chosen.history == pinned.history


def test_short_training_is_not_worth_a_trial():
    trained = train(mlp(), blobs(), None, _plan(loop="auto"))
    assert trained.loop.kind == "graph"
    assert "too few" in trained.loop.why


def test_one_step_that_waited_for_a_busy_machine_decides_nothing(monkeypatch):
    run, calls = Loop.run, []

    def waits_once(*args, **how):
        calls.append(1)
        if len(calls) == 2:  # the first one compiles
            time.sleep(2 * LONG_MILLISECONDS / 1000)
        return run(*args, **how)

    monkeypatch.setattr(Loop, "run", waits_once)
    loops.forget()
    trained = train(mlp(), blobs(640), None, _plan(loop="auto"))
    assert set(trained.loop.milliseconds_per_step) == {"graph", "xla"}


def test_only_a_clear_win_overturns_the_usual_choice():
    assert decided("xla", {"xla": 1.0, "graph": 1.0 / (CLEAR_WIN - 0.05)}).kind == "xla"
    assert decided("xla", {"xla": 1.0, "graph": 1.0 / (CLEAR_WIN + 0.05)}).kind == "graph"
    assert decided("graph", {"xla": 1.0, "graph": 1.1}).kind == "graph"
    assert decided("graph", {"xla": 1.0, "graph": 3.0}).kind == "xla"


def test_convolutions_and_recurrence_are_expected_in_the_plain_graph():
    layers = keras.layers
    assert expected(mlp()) == "xla"
    conv = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten()])
    rnn = keras.Sequential([keras.Input((8, 2)), layers.GRU(3)])
    assert expected(conv) == expected(rnn) == "graph"


@pytest.mark.parametrize("small", [True, False])
def test_loops_of_small_models_are_kept_for_a_whole_ladder(monkeypatch, small):
    monkeypatch.setattr(loops, "_SMALL_PARAMETERS", 1 << 19 if small else 0)
    loops.forget()

    def lend(hidden: int) -> Loop:
        layout = Layout(inputs=1, labels=((),))
        how = {"scale": None, "masked": (), "teaching": None}
        with loops.borrowed(mlp(hidden=hidden), _plan(), layout, 16, **how) as loop:
            return loop

    before, after = ([lend(hidden) for hidden in range(3, 9)] for _ in range(2))
    assert [one is other for one, other in zip(before, after, strict=True)] == [small] * 6


def test_compiled_once_for_all_masks_and_models_of_one_shape(monkeypatch):
    built: list[Loop] = []
    original = Loop.__init__

    def counted(self, *rest):
        built.append(self)
        original(self, *rest)

    monkeypatch.setattr(Loop, "__init__", counted)
    loops.forget()
    first, second = mlp(seed=1), mlp(seed=2)
    start, bystander = capture(second), capture(first)
    results = []
    for model, seed in ((first, 1), (first, 2), (second, 1), (second, 2)):
        train(model, blobs(), None, _plan(), state=start, masks=half_masks(model, seed))
        results.append(weights(model))
    assert len(built) == 1
    for one, two in ((0, 2), (1, 3)):
        for left, right in zip(results[one], results[two], strict=True):
            assert np.array_equal(left, right)
    assert not np.array_equal(results[0][0], results[1][0])
    # Lending its program has not changed the first model.
    for left, right in zip(results[1], weights(first), strict=True):
        assert np.array_equal(left, right)
    assert bystander.weights.keys() == start.weights.keys()
    train(first, blobs(), None, _plan(batch_size=8), masks=half_masks(first))
    assert len(built) == 2


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_float32_weights(precision):
    model, split = mlp(hidden=16), blobs(200)
    masks = half_masks(model)
    optimizer = keras.optimizers.Adam(0.02)
    plan = _plan(optimizer, epochs=15, precision=precision, metric=choose_metric("multiclass"))
    trained = train(model, split, split, plan, masks=masks)
    assert trained.best_validation > 0.9
    assert {str(v.dtype) for v in model.weights} == {"float32"}
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    full = train(mlp(hidden=16), split, split, _plan(epochs=15), masks=masks)
    assert not np.array_equal(
        full.state.weights["hidden/kernel"], trained.state.weights["hidden/kernel"]
    )
    for key, mask in masks.items():
        assert (trained.state.weights[key][~mask] == 0).all()
    assert predict(model, split).dtype == np.float32


def test_model_made_for_mixed_float16_keeps_its_loss_scaling():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,), name="x"),
            keras.layers.Dense(8, activation="relu", dtype="mixed_float16", name="hidden"),
            keras.layers.Dense(3, activation="softmax", dtype="float32", name="output"),
        ]
    )
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.02))
    trained = train(model, blobs(200), None, _plan(optimizer, epochs=10))
    assert trained.history[-1].loss < trained.history[0].loss / 2
    assert trained.state.optimizer is not None
    assert trained.state.optimizer["step_counter"] > 0
    assert trained.state.optimizer["inner/iterations"] > 100


def test_recurrent_and_convolutional_nets_train_in_the_loop():
    draw = np.random.default_rng(0)
    images = draw.normal(size=(64, 8, 8, 1)).astype("float32")
    labels = {"y": (images.mean((1, 2, 3)) > 0).astype("int64")}
    layers = keras.layers
    conv = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    rnn = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Reshape((8, 8)),
            layers.LSTM(6, recurrent_dropout=0.1),
            layers.Dense(2, activation="softmax"),
        ]
    )
    for model in (conv, rnn):
        trained = train(model, Arrays({"i": images}, labels), None, _plan(epochs=8))
        assert trained.history[-1].loss < trained.history[0].loss


def test_float16_by_recipe_scales_its_loss_and_gives_plain_slots_back():
    model, optimizer = mlp(), keras.optimizers.Adam(0.02)
    plan = _plan(optimizer, precision="mixed_float16")
    trained = train(model, blobs(), None, plan)
    assert trained.state.optimizer is not None
    assert "dynamic_scale" in trained.state.optimizer
    assert optimizer.iterations.numpy() > 0
    slots = trained.state.optimizer
    assert np.array_equal(optimizer._momentums[0].numpy(), slots["inner/momentums/hidden/kernel"])
    going_on = train(model, blobs(), None, _plan(epochs=4), state=trained.state)
    assert going_on.state.optimizer is not None
    assert going_on.state.optimizer["iterations"] == optimizer.iterations.numpy() + 10
    back = train(
        model, blobs(), None, _plan(precision="mixed_float16", epochs=6), state=going_on.state
    )
    assert back.state.optimizer is not None
    assert back.state.optimizer["inner/iterations"] == going_on.state.optimizer["iterations"] + 10
