"""What stepwise runs in other ways than Keras, for memory or for time, comes to the same."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from worker.engine.compaction import grouped, parts, stepwise


def _filled(model: keras.Model) -> keras.Model:
    generator = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(generator.normal(size=variable.shape))
    return model


def _outputs(model: keras.Model) -> np.ndarray:
    x = np.random.default_rng(1).normal(size=(3, *model.inputs[0].shape[1:]))
    (found,) = stepwise.run(model, [x])
    return found


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Dense(7, activation="softmax"),
        lambda: layers.Conv1D(7, 3, activation="gelu"),
        lambda: layers.Conv2D(7, 3, use_bias=False, padding="same"),
    ],
)
def test_a_layer_in_parts_gives_what_it_gives_whole(
    layer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = layer()  # type: ignore[operator]
    shape = {layers.Dense: (5,), layers.Conv1D: (9, 4), layers.Conv2D: (6, 6, 4)}[type(made)]
    model = _filled(keras.Sequential([keras.Input(shape), made]))
    whole = _outputs(model)
    monkeypatch.setattr(parts, "PART", 2 * int(np.prod(made.kernel.shape[:-1])))
    assert parts.is_large(made)
    np.testing.assert_allclose(_outputs(model), whole, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("strides", "multiplier"), [(1, 1), (2, 3)])
def test_one_channel_a_group_is_a_depthwise_convolution(strides: int, multiplier: int) -> None:
    layer = layers.Conv2D(
        4 * multiplier, 3, strides, "same", groups=4, activation="tanh", name="conv"
    )
    model = _filled(keras.Sequential([keras.Input((6, 6, 4)), layer]))
    assert grouped.is_depthwise(layer)
    x = np.random.default_rng(2).normal(size=(2, 6, 6, 4)).astype(np.float32)
    (native,) = stepwise.run(model, [x], dtype=None)
    np.testing.assert_allclose(native, model(x), atol=1e-5)
    (wide,) = stepwise.run(model, [x])
    np.testing.assert_allclose(wide, native, atol=1e-5)
    assert wide.dtype == np.float64
