"""Layers under names that TensorFlow's graphs refuse (`my dense`, `größe`) run under an alias.

Keras accepts any name without a slash, and fails once such a model is compiled. Only the scope
inside TensorFlow's graph is renamed: layers, variables and files keep the names that people gave.
"""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf
from keras.src.backend.tensorflow import core

_FITS = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*")
_UNFIT = re.compile(r"[^A-Za-z0-9_.>-]")


def alias(name: str) -> str:
    """A name that TensorFlow takes: the name itself where it does."""
    if _FITS.fullmatch(name):
        return name
    return "n" + _UNFIT.sub("_", name)


def install() -> None:
    """Make Keras open TensorFlow's scopes under aliases, in this process."""

    def __init__(self: Any, name: str, **settings: Any) -> None:  # noqa: N807
        super(core.name_scope, self).__init__(name, **settings)
        self._tf_name_scope = tf.name_scope(alias(name))

    core.name_scope.__init__ = __init__
