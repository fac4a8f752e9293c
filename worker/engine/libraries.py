"""TensorFlow and Keras: imported in a third less time, and one of Keras' mistakes mended."""

from __future__ import annotations

import functools
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


def mend_saving() -> None:
    """Let Keras remember what it skips in objects that it saves or loads.

    Keras 3.15 notes that under one name and looks for it under another: for each layer that it
    looked through it made another, a tenth of a short job.
    """
    from keras.src.saving import saving_lib

    if not hasattr(saving_lib.get_attr_skipset, "cache_info"):
        saving_lib.get_attr_skipset = functools.cache(saving_lib.get_attr_skipset)
