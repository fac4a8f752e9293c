"""Archives and configurations made by hand, as no honest program would write them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any


def keras_config(*layers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Sequential model: an input of 4 numbers, then `layers`."""
    first = layer("InputLayer", batch_shape=[None, 4], dtype="float32", name="input")
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "net", "trainable": True, "layers": [first, *layers]},
        "registered_name": None,
        **more,
    }


def layer(class_name: str, module: str = "keras.layers", /, **config: Any) -> dict[str, Any]:
    """One layer as Keras 3 serializes it."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def dense(units: int = 3, **config: Any) -> dict[str, Any]:
    return layer("Dense", **{"name": "dense", "units": units, "activation": "relu", **config})


def archive(path: Path, members: dict[str, bytes | str], **options: Any) -> Path:
    """A zip of the members given."""
    with zipfile.ZipFile(path, "w", **options) as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return path


def keras_file(path: Path, config: Any, *, weights: bytes = b"\x89HDF\r\n\x1a\n") -> Path:
    """A .keras archive around a configuration; its weights are no weights."""
    text = config if isinstance(config, str | bytes) else json.dumps(config)
    metadata = json.dumps({"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"})
    members = {"metadata.json": metadata, "config.json": text, "model.weights.h5": weights}
    return archive(path, members)


def npy(descr: object, shape: tuple[int, ...], data: bytes, *, version: int = 1) -> bytes:
    """A .npy file whose header says what it is told to say."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode("latin-1")
    return npy_raw(text, data, version=version)


def npy_raw(header: bytes, data: bytes, *, version: int = 1) -> bytes:
    form = "<H" if version == 1 else "<I"
    out = io.BytesIO()
    out.write(b"\x93NUMPY" + bytes([version, 0]))
    out.write(struct.pack(form, len(header)) + header + data)
    return out.getvalue()
