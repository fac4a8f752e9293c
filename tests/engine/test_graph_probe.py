"""The probe: it finds what the fast paths know, and is never wrong on operations that mix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.engine.cutting import cut, randomise
from worker.engine.graph import walk
from worker.engine.graph.flow import Axis, Call, Flow
from worker.engine.graph.ids import Ids
from worker.engine.graph.probe import probe
from worker.engine.graph.rules import WITHOUT_WEIGHTS
from worker.engine.graph.tracer import Tracer

Net = Callable[[Any], Any]

FAST: dict[str, tuple[Net, tuple[int, ...]]] = {
    "add": (lambda x: layers.Add()([x, x]), (4, 4, 6)),
    "multiply": (lambda x: layers.Multiply()([x, ops.mean(x, (1, 2), keepdims=True)]), (4, 4, 6)),
    "concatenate": (lambda x: layers.Concatenate()([x, ops.relu(x)]), (4, 4, 6)),
    "relu": (lambda x: layers.ReLU()(x), (4, 6)),
    "activation": (lambda x: layers.Activation("sigmoid")(x), (4, 6)),
    "softmax": (lambda x: layers.Softmax()(x), (4, 6)),
    "softmax over space": (lambda x: layers.Softmax(axis=1)(x), (4, 6)),
    "rescaling": (lambda x: layers.Rescaling(2.0, 1.0)(x), (4, 6)),
    "flatten": (lambda x: layers.Flatten()(x), (3, 2, 6)),
    "flatten channels_first": (lambda x: layers.Flatten(data_format="channels_first")(x), (6, 2)),
    "reshape": (lambda x: layers.Reshape((3, 8))(x), (4, 6)),
    "reshape to the end": (lambda x: layers.Reshape((-1,))(x), (4, 6)),
    "reshape apart": (lambda x: layers.Reshape((4, 2, 3))(x), (4, 6)),
    "permute": (lambda x: layers.Permute((2, 1))(x), (4, 6)),
    "repeat": (lambda x: layers.RepeatVector(3)(x), (6,)),
    "pooling": (lambda x: layers.MaxPooling2D()(x), (4, 4, 6)),
    "average": (lambda x: layers.AveragePooling2D(2, padding="same")(x), (5, 5, 6)),
    "global": (lambda x: layers.GlobalAveragePooling2D()(x), (4, 4, 6)),
    "global keepdims": (lambda x: layers.GlobalMaxPooling1D(keepdims=True)(x), (4, 6)),
    "padding": (lambda x: layers.ZeroPadding2D()(x), (4, 4, 6)),
    "cropping": (lambda x: layers.Cropping1D(1)(x), (4, 6)),
    "upsampling": (lambda x: layers.UpSampling2D()(x), (2, 2, 6)),
    "unit norm": (lambda x: layers.UnitNormalization()(x), (4, 6)),
    "ops.add": (lambda x: x + ops.relu(x), (4, 6)),
    "ops.multiply": (lambda x: x * 3.0, (4, 6)),
    "ops.transpose": (lambda x: ops.transpose(x, (0, 2, 1)), (4, 6)),
    "ops.reshape": (lambda x: ops.reshape(x, (-1, 4, 3, 2)), (4, 6)),
    "ops.concatenate": (lambda x: ops.concatenate([x, x], axis=-1), (4, 6)),
}


def ask(rule: Any, net: Net, shape: tuple[int, ...], *, zero: bool) -> Any:
    """Run one rule on the last operation of a net whose input channels may all go.

    Returns what is known of the outputs, in terms that do not depend on numbers of ids.
    """
    channels = 0 if "channels_first" in str(net.__code__.co_consts) else len(shape) - 1
    symbol = keras.KerasTensor((None, *shape))
    result = keras.tree.flatten(net(symbol))[0]
    node = result._keras_history.operation._inbound_nodes[-1]
    tracer = Tracer({}, walk.apply, approximate=False)
    ids = tracer.ids.fresh(shape[channels])
    flows = {}
    for tensor in node.input_tensors:
        size = len(tensor.shape) - 1 if channels else 1
        axis = Axis.of(ids, zero)
        flows[id(tensor)] = Flow(tuple(tensor.shape), "float32", {size: axis})
    args, kwargs = node.arguments.fill_in(flows)
    specs = tuple(Flow(tuple(t.shape), "float32") for t in node.outputs)
    axes = rule(tracer, node.operation, Call(tuple(args), dict(kwargs), specs, node))
    return _described(tracer.ids, ids, axes)


def _described(ids: Ids, inputs: np.ndarray, axes: Any) -> Any:
    roots = ids.find(inputs).tolist()
    name = {root: number for number, root in reversed(list(enumerate(roots)))}
    frozen = ids.is_frozen(inputs).tolist()
    found = [
        {
            axis: [name.get(root) for root in ids.find(value.ids).tolist()]
            for axis, value in one.items()
            if not ids.is_frozen(value.ids).all()
        }
        for one in axes
    ]
    zeros = [
        {a: value.zero.tolist() for a, value in one.items() if not ids.is_frozen(value.ids).all()}
        for one in axes
    ]
    together = [roots.index(root) for root in roots]
    return {"frozen": frozen, "together": [] if all(frozen) else together, "axes": found}, zeros


@pytest.mark.parametrize("zero", [True, False], ids=["zero", "any"])
@pytest.mark.parametrize("name", FAST)
def test_probe_and_fast_path_agree(name: str, zero: bool):
    net, shape = FAST[name]
    symbol = keras.tree.flatten(net(keras.KerasTensor((None, *shape))))[0]
    rule = WITHOUT_WEIGHTS[type(symbol._keras_history.operation)]
    fast, fast_zeros = ask(rule, net, shape, zero=zero)
    learned, learned_zeros = ask(probe, net, shape, zero=zero)
    assert fast == learned
    for one, other in zip(fast_zeros, learned_zeros, strict=True):
        for axis, values in one.items():
            assert all(o or not f for f, o in zip(values, other[axis], strict=True))


def conv(x: Any, filters: int = 6, **options: Any) -> Any:
    return layers.Conv2D(filters, 3, padding="same", **options)(x)


def summed(x: Any, y: Any) -> Any:
    """The result of `y` matters, and x's own channels can go whatever becomes of it."""
    return conv(conv(x) * y)


MATRIX = np.random.default_rng(0).normal(size=(6, 6)).astype("float32")
KERNEL = np.random.default_rng(0).normal(size=(3, 3, 6, 4)).astype("float32")
# Each is frozen or exact. `free` says which: whether the channels that it reads may go.
MIXING: dict[str, tuple[Net, bool]] = {
    "sort": (lambda x: ops.sort(conv(x)), False),
    "argsort": (lambda x: ops.cast(ops.argsort(conv(x)), "float32"), False),
    "top_k": (lambda x: ops.top_k(conv(x), 3)[0], False),
    "argmax": (lambda x: ops.cast(ops.argmax(conv(x), -1, keepdims=True), "float32"), False),
    "max": (lambda x: ops.max(conv(x), -1, keepdims=True), False),
    "mean": (lambda x: ops.mean(conv(x), -1, keepdims=True), False),
    "variance": (lambda x: ops.var(conv(x), -1, keepdims=True), False),
    "median": (lambda x: ops.median(conv(x), -1, keepdims=True), False),
    "softmax": (lambda x: ops.softmax(conv(x)), False),
    "log_softmax": (lambda x: ops.log_softmax(conv(x)), False),
    "logsumexp": (lambda x: ops.logsumexp(conv(x), -1, keepdims=True), False),
    "product": (lambda x: ops.prod(conv(x), -1, keepdims=True), False),
    "roll": (lambda x: ops.roll(conv(x), 1, axis=-1), False),
    "cumprod": (lambda x: ops.cumprod(conv(x), axis=-1), False),
    "differences": (lambda x: ops.diff(conv(x), axis=-1), False),
    "activation softmax": (lambda x: conv(x, activation="softmax"), False),
    "sum of sigmoids": (lambda x: ops.sum(ops.sigmoid(conv(x)), -1, keepdims=True), False),
    "sum": (lambda x: ops.sum(conv(x), -1, keepdims=True), True),
    "sum of squares": (lambda x: ops.sum(ops.square(conv(x)), -1, keepdims=True), True),
    "norm": (lambda x: ops.norm(conv(x), axis=-1, keepdims=True), True),
    "normalize": (lambda x: ops.normalize(conv(x)), True),
    "cumsum": (lambda x: ops.cumsum(conv(x), axis=-1), True),
    "flip": (lambda x: ops.flip(conv(x), axis=-1), True),
    "tile": (lambda x: ops.tile(conv(x), (1, 1, 1, 2)), True),
    "repeat": (lambda x: ops.repeat(conv(x), 2, axis=-1), True),
    "round": (lambda x: ops.round(conv(x) * 3.0), True),
    "where": (lambda x: (lambda y: ops.where(y > 0.2, y, -y))(conv(x)), True),
    "constants": (lambda x: conv(x) * np.array([0, 1, 2, 3, 0, 5], np.float32), True),
    "every other": (lambda x: conv(x)[..., ::2], True),
    "every other apart": (lambda x: (lambda y: y[..., ::2] * y[..., 1::2])(conv(x, 8)), True),
    "every third": (lambda x: conv(x, 11)[..., 5:10:3], True),
    "every other backwards": (lambda x: conv(x)[..., ::-2], False),
    "matrix": (lambda x: ops.matmul(conv(x), MATRIX), True),
    "matrix before": (lambda x: ops.matmul(MATRIX[:, :5], conv(x)), True),
    "matrix before channels": (lambda x: ops.matmul(MATRIX, ops.swapaxes(conv(x), 2, 3)), True),
    "tensordot": (lambda x: ops.tensordot(conv(x), MATRIX, axes=1), True),
    "einsum with a matrix": (lambda x: ops.einsum("bhwc,cd->bdhw", conv(x), MATRIX), True),
    "convolved": (lambda x: ops.conv(conv(x), KERNEL, padding="same"), True),
    "blurred": (lambda x: ops.depthwise_conv(conv(x), KERNEL[..., :1], padding="same"), True),
    "multiplied": (lambda x: ops.depthwise_conv(conv(x), KERNEL), True),
    "normed": (lambda x: ops.batch_normalization(conv(x), MATRIX[0], MATRIX[1] ** 2, -1), True),
    "first three": (lambda x: conv(x)[..., :3], True),
    "one of them": (lambda x: conv(x)[..., 2:3], True),
    "split": (lambda x: (lambda p: p[0] * ops.sigmoid(p[1]))(ops.split(conv(x), 2, -1)), True),
    "glu": (lambda x: ops.glu(conv(x, 12)), True),
    "maxout": (lambda x: ops.max(ops.reshape(conv(x, 12), (-1, 5, 5, 4, 3)), -1), True),
    "take": (lambda x: ops.take(conv(x), np.array([5, 1, 0, 1, -2]), axis=-1), True),
    "unstack": (lambda x: ops.stack(ops.unstack(conv(x), axis=1), axis=2), True),
    "einsum": (lambda x: ops.einsum("bhwc,bhwd->bhcd", conv(x), conv(x, 5))[..., 0], True),
}


@pytest.mark.parametrize("name", MIXING)
def test_operations_that_mix_channels_are_frozen_or_exact(name: str):
    net, free = MIXING[name]
    x = keras.Input((5, 5, 2))
    y = net(x)
    y = conv(y) if len(y.shape) == 4 else layers.Dense(4)(y)
    model = randomise(keras.Model(x, layers.Dense(2)(layers.Flatten()(y))))
    graph, _ = cut(model, tolerance=1e-4)
    first = model.layers[1].name
    assert (first not in {info.layer for info in graph.frozen}) == free


def test_attention_written_out_by_hand_keeps_its_product_together():
    x = keras.Input((6, 5))
    q, k, v = (layers.Dense(n, name=name)(x) for name, n in (("q", 4), ("k", 4), ("v", 7)))
    scores = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 2, 1))) * 0.3)
    y = layers.GlobalAveragePooling1D()(ops.matmul(scores, v))
    graph, _ = cut(randomise(keras.Model(x, layers.Dense(2)(y))))
    units = {name: group.units for name, group in graph.groups.items()}
    assert sorted(units.values()) == [4, 7]
    product = next(group for group in graph.groups.values() if group.units == 4)
    assert set(product.layers) == {"q", "k"}
    assert product.needs_zero


def test_heads_by_reshaping_lose_the_same_dimension_in_every_head():
    x = keras.Input((6, 5))
    q, k, v = (ops.reshape(layers.Dense(24)(x), (-1, 6, 4, 6)) for _ in range(3))
    scores = ops.softmax(ops.einsum("bshd,bthd->bhst", q, k))
    y = ops.reshape(ops.einsum("bhst,bthd->bshd", scores, v), (-1, 6, 24))
    graph, _ = cut(randomise(keras.Model(x, layers.Dense(2)(ops.mean(y, 1)))))
    assert [group.units for group in graph.groups.values()] == [6, 6]


def test_a_shuffle_takes_one_channel_of_every_group():
    x = keras.Input((4, 4, 2))
    y = ops.reshape(conv(x, 12), (-1, 4, 4, 3, 4))
    y = ops.reshape(ops.transpose(y, (0, 1, 2, 4, 3)), (-1, 4, 4, 12))
    graph, _ = cut(randomise(keras.Model(x, layers.Dense(2)(layers.Flatten()(conv(y))))))
    assert [group.units for group in graph.groups.values()] == [4, 6]


def rotated(x: Any, angles: np.ndarray) -> Any:
    """Rotary positions: each dimension is turned together with one half a head away."""
    turned = ops.concatenate([-x[..., 4:], x[..., :4]], axis=-1)
    return x * np.cos(angles) + turned * np.sin(angles)


def test_rotary_positions_take_pairs_of_dimensions():
    once = np.arange(6)[:, None] / 10 ** np.arange(4)
    angles = np.concatenate([once, once], -1)[None, :, None].astype("float32")
    x = keras.Input((6, 5))
    q, k, v = (ops.reshape(layers.Dense(16)(x), (-1, 6, 2, 8)) for _ in range(3))
    scores = ops.softmax(ops.einsum("bshd,bthd->bhst", rotated(q, angles), rotated(k, angles)))
    y = ops.reshape(ops.einsum("bhst,bthd->bshd", scores, v), (-1, 6, 16))
    graph, _ = cut(randomise(keras.Model(x, layers.Dense(2)(ops.mean(y, 1)))))
    assert sorted(group.units for group in graph.groups.values()) == [4, 8]


def test_a_batch_that_is_folded_into_steps_is_followed():
    x = keras.Input((6, 4))
    y = ops.reshape(layers.Dense(8)(x), (-1, 8))
    y = layers.Flatten()(ops.reshape(layers.Dense(5)(y), (-1, 6, 5)))
    graph, _ = cut(randomise(keras.Model(x, layers.Dense(2)(y))))
    assert [group.units for group in graph.groups.values()] == [8, 5]
