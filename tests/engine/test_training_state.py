"""Rewinding brings back the full state: each test is a bug met in somebody's code."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.engine.training_nets import blobs, half_masks, mlp, rich, weights
from worker.engine.training import State, TrainingPlan, capture, restore, train
from worker.engine.training.slots import optimizer_keys
from worker.engine.training.state import generators

LOSS = "sparse_categorical_crossentropy"


def _plan(optimizer=None, **changes) -> TrainingPlan:
    settings = {"epochs": 3, "batch_size": 16, "loop": "graph"} | changes
    return TrainingPlan(optimizer or keras.optimizers.Adam(0.01), LOSS, **settings)


def _same(one: State, other: State) -> None:
    for part in ("weights", "optimizer", "rng"):
        left, right = getattr(one, part), getattr(other, part)
        assert left.keys() == right.keys()
        for key, value in left.items():
            assert np.array_equal(value, right[key]), (part, key)


def test_rewound_training_repeats_the_first_one_bit_for_bit():
    model = rich()
    start = capture(model)
    first = train(model, blobs(), None, _plan(), state=start)
    second = train(model, blobs(), None, _plan(), state=start)
    _same(first.state, second.state)
    assert first.history == second.history


def test_biases_and_normalisation_come_back_not_only_kernels():
    model = rich()
    for layer in model.layers:
        for variable in layer.weights:
            if variable.name in ("bias", "gamma", "beta", "moving_mean", "moving_variance"):
                variable.assign(np.linspace(0.5, 1.5, variable.shape[0]))
    start = capture(model)
    train(model, blobs(), None, _plan())
    assert not np.array_equal(model.get_layer("norm").gamma.numpy(), start.weights["norm/gamma"])
    restore(model, None, start)
    for key in (
        "hidden/bias",
        "norm/gamma",
        "norm/beta",
        "norm/moving_mean",
        "norm/moving_variance",
    ):
        layer, name = key.split("/")
        value = getattr(model.get_layer(layer), name).numpy()
        assert np.array_equal(value, np.linspace(0.5, 1.5, value.size).astype("float32")), key


def test_optimizer_moments_and_step_come_back_with_a_late_rewind_point():
    model = rich()
    whole = train(model, blobs(), None, _plan(snapshot_at=("step", 7)))
    snapshot = whole.snapshots[7]
    assert snapshot.step == 7
    assert snapshot.optimizer is not None
    assert snapshot.optimizer["iterations"] == 7
    assert np.any(snapshot.optimizer["momentums/hidden/kernel"] != 0)
    again = train(model, blobs(), None, _plan(), state=snapshot)
    _same(whole.state, again.state)
    assert again.steps_run == whole.steps_run


def test_rewinding_to_initial_forgets_the_moments():
    model = mlp()
    start = capture(model)
    optimizer = keras.optimizers.Adam(0.01)
    train(model, blobs(), None, _plan(optimizer))
    assert np.any(optimizer_keys(optimizer, model)["velocities/hidden/kernel"].numpy() != 0)
    rewound = keras.optimizers.Adam(0.01)
    once = train(model, blobs(), None, _plan(rewound, steps=1), state=start)
    fresh = mlp()
    alone = train(fresh, blobs(), None, _plan(steps=1))
    _same(once.state, alone.state)


def test_snapshot_of_an_epoch_and_of_step_zero():
    model = mlp()
    start = capture(model)
    trained = train(model, blobs(), None, _plan(snapshot_at=("epoch", 2)))
    (step,) = trained.snapshots
    assert step == 2 * 5
    zero = train(model, blobs(), None, _plan(snapshot_at=("step", 0)), state=start)
    assert np.array_equal(
        zero.snapshots[0].weights["hidden/kernel"], start.weights["hidden/kernel"]
    )


def test_order_of_the_data_is_of_the_seed_and_the_epoch():
    def history(seed: int) -> tuple[float, ...]:
        trained = train(mlp(), blobs(), None, _plan(seed=seed))
        return tuple(record.loss for record in trained.history)

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_state_brings_its_own_data_order():
    start = State(weights=capture(mlp()).weights, seed=4)
    with_state = train(mlp(), blobs(), None, _plan(seed=9), state=start)
    by_plan = train(mlp(), blobs(), None, _plan(seed=4))
    assert with_state.history == by_plan.history


def test_dropout_generators_are_seeded_by_the_plan_and_rewound():
    one, other = rich(seed=0), rich(seed=0)
    (generator,) = generators(other).values()
    generator.assign([123, 45])
    first = train(one, blobs(), None, _plan(seed=3))
    second = train(other, blobs(), None, _plan(seed=3))
    _same(first.state, second.state)


def test_state_survives_the_disk(tmp_path):
    model = rich()
    state = train(model, blobs(), None, _plan()).state
    state.save(tmp_path / "state.npz")
    loaded = State.load(tmp_path / "state.npz")
    _same(state, loaded)
    assert (loaded.step, loaded.seed) == (state.step, state.seed)


def test_bfloat16_weights_survive_the_disk(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16", name="d")])
    state = capture(model)
    state.save(tmp_path / "state.npz")
    _same(State(state.weights, {}, {}), State(State.load(tmp_path / "state.npz").weights, {}, {}))


def test_state_of_another_shape_is_refused_before_anything_changes():
    model = mlp()
    before = weights(model)
    with pytest.raises(ValueError, match="hidden/kernel"):
        restore(model, None, capture(mlp(hidden=7)))
    for one, other in zip(before, weights(model), strict=True):
        assert np.array_equal(one, other)


def test_cut_takes_the_same_units_from_weights_and_moments():
    model, optimizer = mlp(), keras.optimizers.Adam(0.01)
    state = train(model, blobs(), None, _plan(optimizer)).state
    keep = {"hidden/kernel": {1: [0, 3]}, "hidden/bias": {0: [0, 3]}, "output/kernel": {0: [0, 3]}}
    small = state.cut(keep)
    assert small.optimizer is not None
    assert state.optimizer is not None
    assert np.array_equal(small.weights["hidden/kernel"], state.weights["hidden/kernel"][:, [0, 3]])
    slot = "velocities/output/kernel"
    assert np.array_equal(small.optimizer[slot], state.optimizer[slot][[0, 3]])
    narrow = mlp(hidden=2)
    going_on = train(narrow, blobs(), None, _plan(epochs=4), state=small)
    assert going_on.steps_run == 20


def test_learning_rates_are_recorded_and_replayed():
    schedule = keras.optimizers.schedules.CosineDecay(0.05, 1000)
    dense = train(mlp(), blobs(), None, _plan(keras.optimizers.SGD(schedule)))
    assert len(dense.rate_trace) == 15
    assert dense.rate_trace[0] == pytest.approx(0.05)
    replay = train(
        mlp(), blobs(), None, _plan(keras.optimizers.SGD(0.9), rate_trace=dense.rate_trace)
    )
    assert np.array_equal(replay.rate_trace, dense.rate_trace)
    for one, other in zip(dense.state.weights.values(), replay.state.weights.values(), strict=True):
        assert np.array_equal(one, other)


def test_a_mask_trained_from_the_rewound_state_starts_at_the_initial_weights():
    model = mlp()
    start = capture(model)
    train(model, blobs(), None, _plan())
    masks = half_masks(model)
    train(model, blobs(), None, _plan(steps=0), state=start, masks=masks)
    kernel = model.get_layer("hidden").kernel.numpy()
    expected = np.where(masks["hidden/kernel"], start.weights["hidden/kernel"], 0)
    assert np.array_equal(kernel, expected)
