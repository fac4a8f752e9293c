"""How fast an epoch of masked training is, beside `model.fit` and beside the arithmetic alone.

    python -m benchmarks.training [--rounds 5] [--epochs 3] [--net mlp --optimizer sgd]
                                  [--against bound]

Contestants take turns, one training of a few epochs each, round after round, so that a busy machine
slows all of them alike; medians per epoch and their ratios are printed. All are compiled before the
first round.

ours, masked    our loop, half of every kernel masked at every step
ours, dense     the same without masks
fit             `model.fit` as it comes
fit, 50 steps   `model.fit` with steps_per_execution=50
fit, callback   `model.fit` with a callback that masks after every batch by get_weights/set_weights
bound           only the matrix products of a training step, in the same compiled loop (MLP only)
bound, update   the same, and the optimizer's update
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from examples import article_model
from examples.fashion_mnist import find
from worker.engine import masks as masks_module
from worker.engine.datasets import Scale, Split
from worker.engine.training import TrainingPlan, train

BATCH = 32
LOSS = "sparse_categorical_crossentropy"
SCALE = Scale("0..1", 1 / 255, 0.0)
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: keras.optimizers.SGD(0.01),
    "adam": lambda: keras.optimizers.Adam(0.001),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.001),
}
Contestant = Callable[[], None]


def mlp() -> keras.Model:
    """The article's net, 784-300-150-10."""
    return article_model.build()


def conv() -> keras.Model:
    """A small convolutional net."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28), name="image"),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


NETS = {"mlp": mlp, "conv": conv}


def images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Fashion-MNIST, repeated where this machine only has the sample."""
    data = find.load()
    rows = np.arange(count) % len(data.x_train)
    return data.x_train[rows], data.y_train[rows].astype(np.int64)


def ours(
    net: str, optimizer: str, x: np.ndarray, y: np.ndarray, epochs: int, *, masked: bool
) -> Contestant:
    model = NETS[net]()
    split = Split({"image": x}, {"output": y})
    draw = np.random.default_rng(0)
    shapes = {key: v.shape for key, v in masks_module.variable_keys(model).items()}
    half = {key: draw.random(shapes[key]) < 0.5 for key in masks_module.prunable_keys(model)}
    plan = TrainingPlan(OPTIMIZERS[optimizer](), LOSS, epochs=epochs, batch_size=BATCH)

    def turn() -> None:
        trained = train(model, split, None, plan, scale=SCALE, masks=half if masked else None)
        turn.loop = trained.loop  # type: ignore[attr-defined]

    return turn


def fit(
    net: str, optimizer: str, x: np.ndarray, y: np.ndarray, epochs: int, **how: Any
) -> Contestant:
    model = NETS[net]()
    callbacks = [_MaskCallback()] if how.pop("mask", False) else []
    model.compile(OPTIMIZERS[optimizer](), LOSS, **how)
    # As people do: scaled once, beforehand, in float32.
    ready = x.astype(np.float32) / 255

    def turn() -> None:
        model.fit(ready, y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=callbacks)

    return turn


class _MaskCallback(keras.callbacks.Callback):
    """Half of every kernel back to 0 after every batch."""

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        draw = np.random.default_rng(0)
        self._masks = [
            draw.random(w.shape) < 0.5 if w.ndim > 1 else np.ones(w.shape, bool)
            for w in self.model.get_weights()
        ]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        weights = self.model.get_weights()
        self.model.set_weights([w * m for w, m in zip(weights, self._masks, strict=True)])


def bound(x: np.ndarray, epochs: int, optimizer: Any = None) -> Contestant:
    """The eight products of a step of the MLP: forward, by weight, by input.

    With an optimizer its update follows, on what the products gave.
    """
    data = tf.constant(x.reshape(len(x), -1).astype(np.float32) / 255)
    sizes = [(784, 300), (300, 150), (150, 10)]
    weights = [keras.Variable(tf.random.stateless_normal(size, [1, 2]) * 0.05) for size in sizes]
    steps = len(x) // BATCH
    if optimizer is not None:
        optimizer.build(weights)

    @tf.function(jit_compile=True)
    def products(data: Any, steps: Any) -> Any:
        def body(index: Any, *_: Any) -> Any:
            batch = tf.gather(data, index * BATCH + tf.range(BATCH))
            first = tf.matmul(batch, weights[0].value)
            second = tf.matmul(first, weights[1].value)
            third = tf.matmul(second, weights[2].value)
            by_second = tf.matmul(third, weights[2].value, transpose_b=True)
            by_first = tf.matmul(by_second, weights[1].value, transpose_b=True)
            by_weight = [
                tf.matmul(batch, by_first, transpose_a=True),
                tf.matmul(first, by_second, transpose_a=True),
                tf.matmul(second, third, transpose_a=True),
            ]
            if optimizer is not None:
                # Nothing is learned here: numbers must stay numbers.
                optimizer.apply([gradient * 1e-9 for gradient in by_weight], weights)
            return index + 1, *by_weight

        start = [tf.constant(0), *(tf.zeros(size) for size in sizes)]
        return tf.while_loop(lambda index, *_: index < steps, body, start)[1:]

    def turn() -> None:
        for _ in range(epochs):
            for part in products(data, tf.constant(steps)):
                part.numpy()

    return turn


def race(contestants: dict[str, Contestant], rounds: int, epochs: int) -> dict[str, list[float]]:
    """Seconds an epoch in every turn, by contestant; the first turn of each is not counted."""
    for contestant in contestants.values():
        contestant()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds):
        names = list(contestants)
        for name in names if turn % 2 == 0 else reversed(names):
            started = time.perf_counter()
            contestants[name]()
            seconds[name].append((time.perf_counter() - started) / epochs)
    return seconds


def run(
    net: str, optimizer: str, count: int, rounds: int, epochs: int, against: list[str] | None
) -> dict[str, Any]:
    """One table: a net and an optimizer, our masked loop against all others or against some."""
    x, y = images(count)
    masked = ours(net, optimizer, x, y, epochs, masked=True)
    contestants: dict[str, Contestant] = {
        "ours, masked": masked,
        "ours, dense": ours(net, optimizer, x, y, epochs, masked=False),
        "fit": fit(net, optimizer, x, y, epochs),
        "fit, 50 steps": fit(net, optimizer, x, y, epochs, steps_per_execution=50),
        "fit, callback": fit(net, optimizer, x, y, epochs, mask=True),
    }
    if net == "mlp":
        contestants["bound"] = bound(x, epochs)
        contestants["bound, update"] = bound(x, epochs, OPTIMIZERS[optimizer]())
    if against:
        contestants = {n: c for n, c in contestants.items() if n in ("ours, masked", *against)}
    seconds = race(contestants, rounds, epochs)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = {
        name: statistics.median(
            other / own for other, own in zip(values, seconds["ours, masked"], strict=True)
        )
        for name, values in seconds.items()
    }
    loop = masked.loop  # type: ignore[attr-defined]
    print(f"\n{net}, {optimizer}: {count:,} examples, batch {BATCH}, loop {loop.kind}: {loop.why}")
    for name, median in medians.items():
        print(f"  {name:15} {median:7.2f} s an epoch, {ratios[name]:5.2f} times ours, masked")
    return {
        "net": net,
        "optimizer": optimizer,
        "examples": count,
        "loop": loop.kind,
        "median_seconds": medians,
        "median_ratio_to_ours_masked": ratios,
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3, help="epochs of a turn")
    parser.add_argument("--examples", type=int, default=60_000)
    parser.add_argument("--net", choices=[*NETS], action="append")
    parser.add_argument("--optimizer", choices=[*OPTIMIZERS], action="append")
    parser.add_argument("--against", action="append", help="a contestant; all, unless given")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    asked = parser.parse_args()
    results = [
        run(net, optimizer, asked.examples, asked.rounds, asked.epochs, asked.against)
        for net in asked.net or NETS
        for optimizer in asked.optimizer or OPTIMIZERS
    ]
    if asked.out:
        asked.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
