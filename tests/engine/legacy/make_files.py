"""Write `files/` with tf-keras, the Keras 2 that still runs.

    pip install --no-deps --target /tmp/tf-keras tf-keras
    PYTHONPATH=/tmp/tf-keras python -m tests.engine.legacy.make_files

tf-keras is in no requirements file: the files are committed, and the tests need nothing but them.
Each net comes as .h5 and .keras, and an .npz of inputs (x0, ...) and its answers (y0, ...).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FILES = Path(__file__).with_name("files")


def builders(keras: Any) -> dict[str, Callable[[], Any]]:
    """One small net for every trait of old files."""
    layers, inputs = keras.layers, keras.Input

    def tabular() -> Any:
        model = keras.Sequential(
            [
                layers.Dense(8, activation="relu", input_shape=(4,)),
                layers.Dropout(0.2),
                layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    def convolutional() -> Any:
        model = keras.Sequential(
            [
                inputs((10, 10, 3)),
                layers.Conv2D(4, 3, kernel_regularizer="l2", bias_constraint="non_neg"),
                layers.BatchNormalization(),
                layers.ReLU(6.0),
                layers.DepthwiseConv2D(3),
                layers.SeparableConv2D(4, 3),
                layers.LeakyReLU(0.1),
                layers.GlobalAveragePooling2D(),
                layers.Dense(2),
            ]
        )
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
        model.compile(
            keras.optimizers.SGD(rate, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[keras.metrics.SparseCategoricalAccuracy()],
        )
        return model

    def two_outputs() -> Any:
        image = inputs((6, 6, 3))
        x = layers.Add()([layers.Conv2D(3, 3, padding="same")(image), image])
        x = layers.Flatten()(layers.Concatenate()([x, image]))
        outputs = [layers.Dense(2, name="p")(x), layers.Dense(1, "sigmoid", name="q")(x)]
        model = keras.Model(image, outputs)
        losses = {"p": "mse", "q": "binary_crossentropy"}
        model.compile("rmsprop", losses, metrics={"q": ["accuracy"], "p": ["mae"]})
        return model

    def two_inputs() -> Any:
        a, b = inputs((4,), name="a"), inputs((3,), name="b")
        model = keras.Model([a, b], layers.Dense(1)(layers.concatenate([a, b])))
        model.compile(keras.optimizers.legacy.Adam(decay=1e-3), "mse")
        return model

    def recurrent() -> Any:
        words = inputs((5,))
        x = layers.Embedding(10, 4, mask_zero=True)(words)
        x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
        model = keras.Model(words, layers.Dense(1)(layers.GRU(4)(x)))
        model.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), "mae")
        return model

    def attention() -> Any:
        a, b = inputs((5, 8)), inputs((7, 8))
        x = layers.MultiHeadAttention(2, 4)(query=a, value=b)
        x = layers.LayerNormalization()(x + a)
        return keras.Model([a, b], layers.Attention(use_scale=True)([x, b]))

    def tensorflow_functions() -> Any:
        tf = importlib.import_module("tensorflow")
        vector = inputs((6,))
        x = layers.Dense(4)(vector)
        x = tf.nn.relu(x + 3.0) * (1.0 / 6.0)
        x = 1.0 - x / 2.0
        return keras.Model(
            vector, layers.Dense(2)(tf.expand_dims(tf.reduce_mean(x, axis=-1), axis=1))
        )

    def backbone() -> Any:
        image = inputs((8, 8, 3), name="picture")
        x = layers.Conv2D(4, 3, name="block/conv")(image)
        x = layers.BatchNormalization(name="block/bn")(x)
        return keras.Model(image, layers.ReLU(6.0, name="block/out")(x), name="backbone")

    def teachable() -> Any:
        features = keras.Sequential([backbone(), layers.GlobalAveragePooling2D()])
        head = keras.Sequential(
            [
                layers.Dense(6, activation="relu", input_shape=(4,)),
                layers.Dense(2, activation="softmax", use_bias=False),
            ]
        )
        return keras.Sequential([features, head])

    def transfer() -> Any:
        base = backbone()
        base.trainable = False
        image = inputs((8, 8, 3))
        x = layers.GlobalAveragePooling2D()(base(image, training=False))
        model = keras.Model(image, layers.Dense(2, activation="softmax")(x))
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        return model

    def without_input_layer() -> Any:
        model = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(2)])
        model.build((None, 6))
        return model

    def loss_scaling() -> Any:
        model = keras.Sequential([inputs((4,)), layers.Dense(2)])
        inner = keras.optimizers.Adam()
        model.compile(keras.mixed_precision.LossScaleOptimizer(inner), "mse")
        return model

    made = locals()
    return {name: made[name] for name in NETS}


NETS = (
    "tabular",
    "convolutional",
    "two_outputs",
    "two_inputs",
    "recurrent",
    "attention",
    "tensorflow_functions",
    "teachable",
    "transfer",
    "without_input_layer",
    "loss_scaling",
)


def main() -> None:
    """Write every net's files."""
    keras = importlib.import_module("tf_keras")
    FILES.mkdir(exist_ok=True)
    for name, build in builders(keras).items():
        keras.backend.clear_session()
        keras.utils.set_random_seed(3)
        model = build()
        generator = np.random.default_rng(0)
        for variable in model.weights:
            low, high = (0.1, 0.6) if "variance" in variable.name else (-0.5, 0.5)
            if variable.dtype.is_floating:
                variable.assign(generator.uniform(low, high, variable.shape))
        x = [generator.random((2, *each.shape[1:])).astype("float32") for each in model.inputs]
        x = [each * 9 for each in x] if name == "recurrent" else x
        if name == "tabular":
            model.fit(x[0], np.array([0, 2]), verbose=0)
            model.save_weights(FILES / "tabular_weights_only.h5")
            (FILES / "tabular_architecture.json").write_text(model.to_json())
        y = model.predict(x if len(x) > 1 else x[0], verbose=0)
        y = y if isinstance(y, list) else [y]
        arrays = {f"x{i}": each for i, each in enumerate(x)}
        np.savez(FILES / f"{name}.npz", **arrays, **{f"y{i}": each for i, each in enumerate(y)})
        model.save(FILES / f"{name}.h5")
        model.save(FILES / f"{name}.keras")


if __name__ == "__main__":
    main()
