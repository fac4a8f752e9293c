"""Telling pixels from other numbers, and what images a model takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunery.specs.models import ModelSummary

CHANNELS = (1, 3, 4)
# A flat picture of 8 x 8; fewer bytes an example are more likely a table or tokens.
FEWEST_FLAT = 64
FEWEST_SIDE = 8


def looks_like_pixels(array: np.ndarray, low: float, high: float) -> bool:
    """Tell whether an input holds pixels from 0 to 255, by type, shape and what occurs."""
    shape = array.shape[1:]
    if array.dtype == np.uint8 and high > 1:
        return len(shape) >= 2 or (len(shape) == 1 and shape[0] >= FEWEST_FLAT)
    picture = (len(shape) == 3 and (shape[-1] in CHANNELS or shape[0] in CHANNELS)) or (
        len(shape) == 2 and min(shape) >= FEWEST_SIDE
    )
    if not picture or low < 0 or not 16 < high <= 255:
        return False
    sample = np.asarray(array[:: max(1, len(array) // 64)][:64], np.float64)
    return bool(np.all(sample == np.rint(sample)))


def image_settings(model: ModelSummary, resize: str) -> dict[str, Any]:
    """How folders of images are read for a model: shape of its first input and the resizing."""
    return {"shape": model.inputs[0].shape, "resize": resize, "name": model.inputs[0].name}
