"""The article's network, 784-300-150-10, and the file of it that the service offers as a sample.

Remake the file with `python -m examples.article_model`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

FILE = Path(__file__).with_name("article.keras")
PARAMETERS = 282_160


def build(seed: int = 0) -> keras.Sequential:
    """Build and compile the untrained network; inputs are images (28, 28), scaled to 0..1."""
    # Imported here: the API process and the demo name the file, and have no TensorFlow.
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28), name="image"),
            layers.Flatten(name="flatten"),
            layers.Dense(300, activation="relu", name="hidden_1"),
            layers.Dense(150, activation="relu", name="hidden_2"),
            layers.Dense(10, activation="softmax", name="output"),
        ],
        name="article",
    )
    model.compile(
        optimizer=keras.optimizers.SGD(0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def main() -> None:
    """Write the file that is shipped."""
    model = build(seed=0)
    if model.count_params() != PARAMETERS:
        raise SystemExit(f"expected {PARAMETERS:,} parameters, built {model.count_params():,}")
    model.save(FILE)
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
