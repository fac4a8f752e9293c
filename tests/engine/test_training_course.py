"""How a training goes: schedules, averages, early stopping, divergence, and what cannot move."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from prunery.specs.recipe import Training
from tests.engine.training_nets import Arrays, Scaled, blobs, half_masks, mlp, rich, weights
from worker.engine.evaluation import choose_metric
from worker.engine.training import Enough, TrainingPlan, capture, recalibrate, train
from worker.engine.training.epochs.stopping import Patience
from worker.engine.training.optimizers import is_spent, make
from worker.engine.training.rates import peak_rate, rate_trace

LOSS = "sparse_categorical_crossentropy"
schedules = keras.optimizers.schedules


def _plan(optimizer=None, **changes) -> TrainingPlan:
    settings = {"epochs": 3, "batch_size": 16, "loop": "graph"} | changes
    return TrainingPlan(optimizer or keras.optimizers.SGD(0.1), LOSS, **settings)


# -- rates


def test_schedule_that_ends_is_fitted_to_the_training():
    plan = _plan(keras.optimizers.SGD(schedules.CosineDecay(0.5, decay_steps=10)))
    rates = rate_trace(plan, 1000)
    assert rates[0] == pytest.approx(0.5)
    assert rates[500] == pytest.approx(0.25, abs=0.01)
    assert 0 < rates[-1] < 0.001


def test_schedule_without_an_end_starts_again_at_its_beginning():
    schedule = schedules.ExponentialDecay(0.5, 100, 0.5)
    optimizer = keras.optimizers.SGD(schedule)
    optimizer.iterations.assign(5000)
    rates = rate_trace(_plan(optimizer), 200)
    assert rates[0] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.25)


def test_peak_rate_is_the_top_of_a_warmup():
    schedule = schedules.CosineDecay(0.0, 900, warmup_target=0.3, warmup_steps=100)
    assert peak_rate(keras.optimizers.Adam(schedule)) == pytest.approx(0.3, rel=0.02)
    constant = rate_trace(_plan(keras.optimizers.Adam(schedule), schedule="constant_ema"), 50)
    assert np.ptp(constant) == 0


def test_linear_falls_from_the_peak_towards_zero():
    rates = rate_trace(_plan(schedule="linear"), 100)
    assert rates[0] == pytest.approx(0.1)
    assert rates[50] == pytest.approx(0.05)
    assert 0 < rates[-1] < 0.0011


def test_spent_rate_of_an_upload_is_replaced_by_the_default():
    model = mlp()
    model.compile(keras.optimizers.Adam(0.0), LOSS)
    optimizer = make(model.get_compile_config(), Training())
    assert not is_spent(optimizer)
    assert peak_rate(optimizer) == pytest.approx(0.001)


def test_optimizers_are_made_from_the_model_or_by_name():
    model = mlp()
    model.compile(keras.optimizers.SGD(0.3, momentum=0.8), LOSS)
    own = make(model.get_compile_config(), Training())
    assert (type(own).__name__, own.momentum, peak_rate(own)) == ("SGD", 0.8, pytest.approx(0.3))
    slower = make(model.get_compile_config(), Training(), learning_rate=0.01)
    assert (slower.momentum, peak_rate(slower)) == (0.8, pytest.approx(0.01))
    assert type(make(None, Training(optimizer="lamb"))).__name__ == "Lamb"
    with pytest.raises(PruneryError, match="nonsense") as error:
        make(None, Training(optimizer="nonsense"))
    assert error.value.errors[0].pointer == "/training/optimizer"


# -- averages


def test_average_of_the_weights_is_handed_back_and_masks_hold_in_it():
    model = mlp()
    masks = half_masks(model)
    averaged = train(model, blobs(), None, _plan(schedule="constant_ema"), masks=masks)
    raw = mlp()
    last = train(raw, blobs(), None, _plan(), masks=masks)
    assert not np.allclose(
        averaged.state.weights["hidden/kernel"], last.state.weights["hidden/kernel"]
    )
    for key, mask in masks.items():
        assert (averaged.state.weights[key][~mask] == 0).all()
        assert np.array_equal(averaged.state.weights[key], capture(model).weights[key])


def test_average_is_the_recurrence_it_says():
    model, raw = mlp(), mlp()
    split = blobs(64)
    start = capture(model)
    averaged = train(model, split, None, _plan(schedule="constant_ema", epochs=1), state=start)
    expected = start.weights["hidden/kernel"].astype(np.float64)
    for step in range(4):
        one = train(raw, split, None, _plan(epochs=1, steps=step + 1), state=start)
        keep = min(0.99, (1 + step) / (10 + step))
        expected += (one.state.weights["hidden/kernel"] - expected) * (1 - keep)
    np.testing.assert_allclose(averaged.state.weights["hidden/kernel"], expected, atol=1e-6)


# -- stopping


def test_early_stopping_hands_back_the_best_weights():
    metric = choose_metric("multiclass")
    split, validation = blobs(60, seed=1), blobs(60, seed=2)
    plan = _plan(
        keras.optimizers.SGD(0.3), epochs=60, early_stopping=True, patience=3, metric=metric
    )
    model = mlp()
    trained = train(model, split, validation, plan)
    assert trained.epochs_run < 60
    figures = [record.validation_metric for record in trained.history]
    assert figures.index(max(figures)) + 1 + 3 == trained.epochs_run == len(figures)
    ties = [r.validation_loss for r in trained.history if r.validation_metric == max(figures)]
    assert trained.history[trained.best_epoch].validation_loss == min(ties)
    assert "3 epochs" in trained.stopped_why
    best = trained.history[trained.best_epoch]
    assert trained.best_validation == best.validation_metric
    assert len(trained.rate_trace) == trained.steps_run == trained.epochs_run * 4
    again = mlp()
    until = _plan(keras.optimizers.SGD(0.3), epochs=trained.best_epoch + 1)
    train(again, split, None, until)
    for one, other in zip(weights(model), weights(again), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("up", "figures", "waits"),
    [(True, [0.3, 0.3], 3), (True, [0.3, 0.5], 1), (False, [0.8, 0.8], 3), (False, [0.8, 0.2], 1)],
)
def test_a_net_that_still_guesses_is_not_given_up_on_as_soon(up, figures, waits):
    patience = Patience(4, up, guessing=0.35 if up else 0.7)
    for epoch, value in enumerate(figures):
        patience.improves(epoch, value, None)
    last, more = figures[-1], 0
    while not patience.is_over:
        patience.improves(9, last, None)
        more += 1
    assert more + (figures[0] == last) == 4 * waits


def test_the_gauge_tells_the_best_epoch_and_the_metric_is_handed_back():
    figures = [0.1, 0.5, 0.4, 0.3]
    gauge = SimpleNamespace(higher_is_better=True, value=lambda *_: figures.pop(0))
    metric = choose_metric("multiclass")
    plan = _plan(epochs=9, early_stopping=True, patience=2, metric=metric, gauge=gauge)
    trained = train(mlp(), blobs(60, seed=1), blobs(60, seed=2), plan)
    assert (trained.best_epoch, trained.epochs_run) == (1, 4)
    assert trained.best_validation == trained.history[1].validation_metric


def test_without_early_stopping_the_last_weights_are_handed_back():
    trained = train(mlp(), blobs(), blobs(seed=3), _plan(metric=choose_metric("multiclass")))
    assert trained.best_validation == trained.history[-1].validation_metric
    assert trained.stopped_why == "all epochs done"


def test_divergence_halves_the_rate_and_goes_on():
    split = blobs()
    split.x["x"] *= 200
    plan = TrainingPlan(
        keras.optimizers.SGD(0.004), "mean_squared_error", epochs=3, batch_size=16, loop="graph"
    )
    net = keras.Sequential([keras.Input((6,), name="x"), keras.layers.Dense(1, name="line")])
    target = Arrays(split.x, {"y": split.x["x"].sum(1).astype("float32")})
    with pytest.raises(PruneryError) as error:
        train(net, target, None, plan)
    assert error.value.code == "training_diverged"
    assert "5 times" in error.value.detail
    net.layers[0].kernel.assign(np.zeros((6, 1)))
    net.layers[0].bias.assign(np.zeros(1))
    gentle = TrainingPlan(
        keras.optimizers.SGD(6e-6), "mean_squared_error", epochs=60, batch_size=16, loop="graph"
    )
    trained = train(net, target, None, gentle)
    assert any("halved" in note for note in trained.notes)
    assert trained.rate_trace[-1] < 6e-6
    assert np.isfinite(trained.history[-1].loss)
    assert len(trained.history) == 60


def test_rate_of_zero_is_refused_before_training():
    with pytest.raises(PruneryError, match="learning rate is 0") as error:
        train(mlp(), blobs(), None, _plan(keras.optimizers.SGD(0.0)))
    assert error.value.code == "training_stuck"


def test_dead_net_is_told_after_one_epoch():
    model = mlp()
    model.layers[0].bias.assign(np.full(8, -1e6))
    model.layers[1].trainable = False
    with pytest.raises(PruneryError, match="No weight moved"):
        train(model, blobs(400), None, _plan(epochs=5))


def test_frozen_net_is_told_at_once():
    model = mlp()
    model.trainable = False
    with pytest.raises(PruneryError, match="no weight that may be trained"):
        train(model, blobs(), None, _plan())


def test_no_epochs_leave_the_model_as_it_is():
    model = mlp()
    before = weights(model)
    trained = train(model, blobs(), blobs(seed=1), _plan(epochs=0))
    assert (trained.steps_run, trained.history, len(trained.rate_trace)) == (0, (), 0)
    for one, other in zip(before, weights(model), strict=True):
        assert np.array_equal(one, other)


def test_a_single_example_is_enough_to_train_on():
    trained = train(mlp(), blobs(1), None, _plan(epochs=5))
    assert trained.steps_run == 5
    assert trained.history[-1].loss < trained.history[0].loss


def test_enough_ends_after_the_epoch_and_keeps_the_weights():
    model = mlp()

    def watch(progress):
        if progress.epoch == 1:
            raise Enough("seen enough")

    trained = train(model, blobs(), None, _plan(epochs=9), on_step=watch)
    assert trained.epochs_run == 2
    assert trained.stopped_why == "seen enough"
    straight = mlp()
    train(straight, blobs(), None, _plan(epochs=2))
    for one, other in zip(weights(straight), weights(model), strict=True):
        assert np.array_equal(one, other)


def test_progress_is_told_in_order_and_ends_at_the_last_step():
    told = []
    train(mlp(), blobs(), None, _plan(), on_step=told.append)
    steps = [progress.step for progress in told]
    assert steps == sorted(set(steps))
    assert told[-1].step == told[-1].steps == 15
    assert {progress.epoch for progress in told} == {0, 1, 2}


# -- BatchNorm


def test_recalibration_brings_lagging_statistics_up_to_date():
    model = rich()
    split = blobs(512)
    split.x["x"] = split.x["x"] * 3 + 5
    before = capture(model)
    assert recalibrate(model, split, batches=50, batch=64)
    after = capture(model)
    hidden = split.x["x"] @ before.weights["hidden/kernel"] + before.weights["hidden/bias"]
    np.testing.assert_allclose(
        after.weights["norm/moving_mean"], hidden.mean(0), rtol=0.05, atol=0.1
    )
    np.testing.assert_allclose(after.weights["norm/moving_variance"], hidden.var(0), rtol=0.1)
    for key, value in after.weights.items():
        if "moving" not in key:
            assert np.array_equal(value, before.weights[key])
    for key, value in after.rng.items():
        assert np.array_equal(value, before.rng[key])
    assert model.get_layer("norm").momentum == 0.9


def test_recalibration_counts_the_scale_and_leaves_frozen_layers():
    model = rich()
    split = Arrays({"x": np.random.default_rng(0).integers(0, 255, (256, 6)).astype("uint8")}, {})
    recalibrate(model, split, Scaled(1 / 255, 0.0), batch=64)
    hidden = split.x["x"] / 255 @ model.get_layer("hidden").kernel.numpy()
    mean = model.get_layer("norm").moving_mean.numpy()
    np.testing.assert_allclose(mean, hidden.mean(0), atol=0.02)
    model.get_layer("norm").trainable = False
    assert not recalibrate(model, split, batch=64)
    assert not recalibrate(mlp(), split)
