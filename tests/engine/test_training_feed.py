"""Data that does not fit is streamed, and trains bit for bit as if it did."""

from __future__ import annotations

import keras
import numpy as np

from tests.engine.training_nets import Arrays, Scaled, blobs, rich
from worker.engine.training import TrainingPlan, capture, train
from worker.engine.training.compiled.feed import Feed

LOSS = "sparse_categorical_crossentropy"


def test_streamed_pieces_train_as_resident_data(tmp_path):
    split = blobs(333)
    path = tmp_path / "x.npy"
    np.save(path, split.x["x"])
    mapped = Arrays({"x": np.load(path, mmap_mode="r")}, split.y)
    model = rich()
    start = capture(model)

    def states(resident: int | None, data: Arrays):
        plan = TrainingPlan(
            keras.optimizers.Adam(0.01),
            LOSS,
            epochs=2,
            batch_size=16,
            loop="graph",
            resident_bytes=resident,
            class_weight=[{0: 2.0}],
        )
        return train(model, data, None, plan, state=start)

    resident, streamed = states(None, split), states(2000, mapped)
    assert resident.history == streamed.history
    for key, value in resident.state.weights.items():
        assert np.array_equal(value, streamed.state.weights[key]), key


def test_every_example_is_met_once_an_epoch_in_the_same_order_either_way():
    rows = np.arange(103, dtype=np.float32)[:, None]
    for first in (0, 2):
        orders = []
        for limit in (None, 100):
            feed = Feed([rows], batch=10, seed=3, resident_bytes=limit)
            assert feed.is_resident == (limit is None)
            met: list[float] = []
            for piece in feed.pieces(epoch=1, first_step=first):
                values = piece.tensors[0].numpy()[piece.order.numpy()][:, 0]
                met += list(values[: piece.steps * 10])
            orders.append(met[: 103 - first * 10])
        assert orders[0] == orders[1]
        assert len(set(orders[0])) == 103 - first * 10
    assert orders[0] != sorted(orders[0])


def test_small_sets_are_one_short_batch():
    feed = Feed([np.zeros((5, 2))], batch=32, seed=0)
    assert (feed.batch, feed.full_steps, feed.tail, feed.steps_per_epoch) == (5, 1, 0, 1)


def test_bytes_are_scaled_inside_the_loop():
    draw = np.random.default_rng(0)
    raw = draw.integers(0, 256, (96, 6)).astype(np.uint8)
    labels = {"y": (raw[:, 0] > 127).astype(np.int64)}
    scale = Scaled(2 / 255, -1.0)
    ready = Arrays({"x": (raw.astype(np.float32) * (2 / 255) - 1.0).astype(np.float32)}, labels)
    plan = TrainingPlan(keras.optimizers.SGD(0.1), LOSS, epochs=2, batch_size=32, loop="graph")
    ours = train(rich(), Arrays({"x": raw}, labels), None, plan, scale=scale)
    theirs = train(rich(), ready, None, plan)
    for key, value in ours.state.weights.items():
        np.testing.assert_allclose(value, theirs.state.weights[key], atol=1e-5)


def test_token_ids_are_never_scaled():
    keras.utils.set_random_seed(0)
    ids, size = keras.Input((4,), dtype="int32", name="ids"), keras.Input((1,), name="size")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(20, 3)(ids))
    joined = keras.layers.Concatenate()([embedded, size])
    model = keras.Model([ids, size], keras.layers.Dense(2, activation="softmax")(joined))
    draw = np.random.default_rng(0)
    tokens = draw.integers(0, 20, (200, 4)).astype(np.int32)
    split = Arrays(
        {"ids": tokens, "size": np.full((200, 1), 255, np.uint8)},
        {"y": (tokens[:, 0] >= 10).astype(np.int64)},
    )
    plan = TrainingPlan(keras.optimizers.Adam(0.05), LOSS, epochs=15, batch_size=20, loop="graph")
    trained = train(model, split, None, plan, scale=Scaled(1 / 255, 0.0))
    assert trained.history[-1].loss < 0.2
