"""Give back memory that nothing needs any longer."""

from __future__ import annotations

import ctypes
import gc

import keras

from worker.engine.profiling import parameters

# Below, a look through all of Python's objects costs more than it brings.
_LARGE_PARAMETERS = 4_000_000


def release(model: keras.Model) -> None:
    """Drop networks that nothing refers to, where those of this job are large.

    Keras' layers are circles of references, which Python finds late, and the C library keeps what
    was freed between blocks in use.
    """
    if parameters(model) < _LARGE_PARAMETERS:
        return
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)
