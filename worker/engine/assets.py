"""What a layer knows beside its configuration and its weights."""

from __future__ import annotations

import tempfile

import keras

from worker.engine import masks


def copy_assets(source: keras.Model, target: keras.Model) -> None:
    """Copy what is neither configuration nor weight: vocabularies, adapted statistics.

    Keras makes constants of the statistics: the weights they come from must be the target's own.
    """
    layers = masks.layer_paths(target)
    for path, layer in masks.layer_paths(source).items():
        twin = layers.get(path)
        if twin is None or isinstance(layer, keras.Model):
            continue
        if hasattr(layer, "save_assets") and hasattr(twin, "load_assets"):
            with tempfile.TemporaryDirectory() as folder:
                layer.save_assets(folder)
                twin.load_assets(folder)
        if isinstance(layer, keras.layers.Normalization) and layer.built:
            twin.finalize_state()
