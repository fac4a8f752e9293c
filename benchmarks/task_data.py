"""Small tasks made of numbers alone, each with a net that is wider than it looks.

A task is its data (arrays as in an .npz upload) and a net at any width: 1.0 is what gets pruned,
less is the narrower rival. Ten tests' worth of noise is in every one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from examples.fashion_mnist import find

Arrays = dict[str, np.ndarray]
layers = keras.layers


@dataclass(frozen=True)
class Task:
    """`build(width)` gives an untrained, compiled net."""

    data: Callable[[], Arrays]
    build: Callable[[float], keras.Model]


def _units(count: int, width: float) -> int:
    return max(1, round(count * width))


def _split(x: np.ndarray, y: np.ndarray, test: int) -> Arrays:
    return {"x_train": x[:-test], "y_train": y[:-test], "x_test": x[-test:], "y_test": y[-test:]}


def _regions() -> Arrays:
    """Sixty clouds in twelve dimensions, ten to a class: narrow nets run out of corners."""
    draw = np.random.default_rng(3)
    centres, owner = draw.normal(size=(60, 12)) * 1.6, draw.integers(0, 6, 60)
    which = draw.integers(0, 60, 9000)
    x = centres[which] + 0.75 * draw.normal(size=(9000, 12))
    return _split(x.astype("float32"), owner[which], 1800)


def _surface() -> Arrays:
    """A bent surface over eight numbers."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(8000, 8))
    y = np.sin(2 * x[:, 0]) * x[:, 1] + np.abs(x[:, 2]) + 0.5 * x[:, 3] * x[:, 4]
    y += -0.3 * x[:, 5] ** 2 + 0.2 * draw.normal(size=8000)
    return _split(x.astype("float32"), y.astype("float32"), 1600)


def _rare() -> Arrays:
    """Three of a hundred are positive."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(6000, 12))
    score = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.8 * x[:, 3] + 0.6 * draw.normal(size=6000)
    return _split(x.astype("float32"), (score > np.quantile(score, 0.97)).astype("int64"), 1800)


def _guesses() -> Arrays:
    """Labels that have nothing to do with the inputs."""
    draw = np.random.default_rng(8)
    return _split(draw.normal(size=(2000, 16)).astype("float32"), draw.integers(0, 3, 2000), 400)


def _waves() -> Arrays:
    """Five wave forms in three noisy channels."""
    draw, time, y = np.random.default_rng(0), np.linspace(0, 1, 64), None
    y = draw.integers(0, 5, 4500)
    rate, phase = draw.uniform(3, 5, (4500, 1)), draw.uniform(0, 6.28, (4500, 1))
    angle = 6.28 * rate * time + phase
    forms = np.stack(
        [
            np.sin(angle),
            np.sign(np.sin(angle)),
            2 * ((rate * time + phase) % 1) - 1,
            np.sin(6.28 * rate * time**2 * 1.6 + phase),
            np.sin(angle) * np.exp(-3 * time),
        ]
    )
    clean = forms[y, np.arange(4500)][:, :, None] * draw.uniform(0.5, 1, (4500, 1, 3))
    return _split((clean + 0.7 * draw.normal(size=clean.shape)).astype("float32"), y, 1500)


def _tokens() -> Arrays:
    """Four topics, told by a few of 24 tokens."""
    draw = np.random.default_rng(0)
    y, x = draw.integers(0, 4, 4500), draw.integers(20, 200, (4500, 24))
    for row, topic in enumerate(y):
        places = draw.integers(0, 24, draw.binomial(5, 0.8))
        x[row, places] = draw.integers(4 * topic, 4 * topic + 6, len(places)) % 20
    return _split(x.astype("int32"), y, 1500)


def _pairs() -> Arrays:
    """Three outcomes of a product's eight numbers and a buyer's six: only together they tell."""
    draw = np.random.default_rng(5)
    product, buyer = draw.normal(size=(4000, 8)), draw.normal(size=(4000, 6))
    liking = (product[:, :4] * buyer[:, :4]).sum(axis=1) + np.sin(2 * product[:, 4])
    liking += 0.5 * buyer[:, 5] + 0.3 * draw.normal(size=4000)
    y = np.digitize(liking, np.quantile(liking, [0.4, 0.75]))
    return {
        f"{name}_{split}": (array if name == "y" else array.astype("float32"))[part]
        for name, array in (("product", product), ("buyer", buyer), ("y", y))
        for split, part in (("train", slice(3000)), ("test", slice(3000, None)))
    }


def _shapes() -> Arrays:
    """A square and a disc, each grey in noise: every position says which it lies in, if any."""
    draw, rows = np.random.default_rng(6), np.arange(12)
    corner, middle = draw.integers(0, 8, (2, 2400, 1)), draw.uniform(2, 10, (2, 2400, 1))
    inside = [(rows >= edge) & (rows < edge + 4) for edge in corner]
    square = inside[0][:, :, None] & inside[1][:, None, :]
    far = [(rows - place) ** 2 for place in middle]
    disc = far[0][:, :, None] + far[1][:, None, :] < 7
    y = np.where(disc, 2, np.where(square, 1, 0))
    x = (y > 0) + 0.35 * draw.normal(size=y.shape)
    return _split(x[..., None].astype("float32"), y, 800)


def _signals() -> Arrays:
    """Twenty noisy numbers that four hidden ones make: they are to be given back."""
    draw = np.random.default_rng(7)
    hidden, mix = draw.normal(size=(4000, 4)), draw.normal(size=(4, 20))
    x = np.tanh(hidden @ mix) + 0.3 * np.sin(3 * hidden @ mix[:, ::-1])
    x = (x + 0.1 * draw.normal(size=x.shape)).astype("float32")
    return {"x_train": x[:3000], "x_test": x[3000:]}


def _images() -> Arrays:
    """The first 5,000 of the shipped Fashion-MNIST sample, pixels of 0 to 255."""
    data = find.load_sample()
    order = np.random.default_rng(0).permutation(len(data.x_train))[:5000]
    return {
        "x_train": data.x_train[order][..., None],
        "y_train": data.y_train[order],
        "x_test": data.x_test[:4000][..., None],
        "y_test": data.y_test[:4000],
    }


def _compiled(model: keras.Model, loss: str, metric: str, rate: float = 1e-3) -> keras.Model:
    model.compile(keras.optimizers.Adam(rate), loss, metrics=[metric])
    return model


def _table(
    width: float, *, inputs: int, hidden: tuple[int, ...], outputs: int, answer: str
) -> keras.Model:
    """`answer`: the activation of the output, which settles the loss."""
    net = [layers.Dense(_units(count, width), activation="relu") for count in hidden]
    last = layers.Dense(outputs, activation=answer)
    model = keras.Sequential([keras.Input((inputs,)), *net, last])
    loss, metric = {
        "softmax": ("sparse_categorical_crossentropy", "accuracy"),
        "sigmoid": ("binary_crossentropy", "accuracy"),
        "linear": ("mse", "mae"),
    }[answer]
    return _compiled(model, loss, metric)


def _series(width: float) -> keras.Model:
    net = [
        layers.Conv1D(_units(32, width), 5, padding="same", activation="relu"),
        layers.MaxPooling1D(2),
        layers.Conv1D(_units(48, width), 5, padding="same", activation="relu"),
        layers.GlobalAveragePooling1D(),
        layers.Dense(_units(32, width), activation="relu"),
        layers.Dense(5, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((64, 3)), *net])
    return _compiled(model, "sparse_categorical_crossentropy", "accuracy")


def _text(width: float) -> keras.Model:
    net = [
        layers.Embedding(200, _units(24, width)),
        layers.LSTM(_units(32, width)),
        layers.Dense(_units(24, width), activation="relu"),
        layers.Dense(4, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((24,), dtype="int32"), *net])
    return _compiled(model, "sparse_categorical_crossentropy", "accuracy", 2e-3)


def _pictures(width: float) -> keras.Model:
    """Convolutions with BatchNormalization; nothing in the net scales its pixels."""
    inputs = value = keras.Input((28, 28, 1))
    for filters in (16, 32, 32):
        value = layers.Conv2D(_units(filters, width), 3, padding="same", use_bias=False)(value)
        value = layers.ReLU()(layers.BatchNormalization()(value))
        value = layers.MaxPooling2D()(value)
    value = layers.Dense(_units(64, width), activation="relu")(layers.Flatten()(value))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(value))
    return _compiled(model, "sparse_categorical_crossentropy", "accuracy")


def _two_towers(width: float) -> keras.Model:
    product, buyer = keras.Input((8,), name="product"), keras.Input((6,), name="buyer")
    towers = [layers.Dense(_units(48, width), activation="relu")(one) for one in (product, buyer)]
    value = layers.Dense(_units(64, width), activation="relu")(layers.Concatenate()(towers))
    value = layers.Dense(_units(32, width), activation="relu")(value)
    model = keras.Model([product, buyer], layers.Dense(3, activation="softmax")(value))
    return _compiled(model, "sparse_categorical_crossentropy", "accuracy")


def _every_position(width: float) -> keras.Model:
    net = [
        layers.Conv2D(_units(filters, width), 3, padding="same", activation="relu")
        for filters in (12, 16, 12)
    ]
    last = layers.Conv2D(3, 1, activation="softmax")
    model = keras.Sequential([keras.Input((12, 12, 1)), *net, last])
    return _compiled(model, "sparse_categorical_crossentropy", "accuracy")


def _there_and_back(width: float) -> keras.Model:
    net = [layers.Dense(_units(count, width), activation="relu") for count in (64, 16, 64)]
    model = keras.Sequential([keras.Input((20,)), *net, layers.Dense(20)])
    return _compiled(model, "mse", "mse")


TASKS = {
    "regions": Task(
        _regions, partial(_table, inputs=12, hidden=(96, 64), outputs=6, answer="softmax")
    ),
    "surface": Task(
        _surface, partial(_table, inputs=8, hidden=(128, 128), outputs=1, answer="linear")
    ),
    "rare": Task(_rare, partial(_table, inputs=12, hidden=(64, 64), outputs=1, answer="sigmoid")),
    "guesses": Task(
        _guesses, partial(_table, inputs=16, hidden=(64, 32), outputs=3, answer="softmax")
    ),
    "waves": Task(_waves, _series),
    "tokens": Task(_tokens, _text),
    "pairs": Task(_pairs, _two_towers),
    "shapes": Task(_shapes, _every_position),
    "signals": Task(_signals, _there_and_back),
    "images": Task(_images, _pictures),
}
