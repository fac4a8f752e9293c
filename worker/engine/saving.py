"""Save a model so that the same model is the same file, byte for byte, and load it again.

Keras writes the time of day into the archive and its metadata; a checksum would then say that two
equal runs differ. It also holds the whole archive in memory where there is room: here weights pass
through a file, one variable at a time.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import h5py
import keras
from keras.src.backend.common import global_state
from keras.src.saving import saving_lib

from worker.engine import libraries, masks

libraries.mend_saving()

# The earliest date that a zip can hold.
_DATE = (1980, 1, 1, 0, 0, 0)
_SAVED = "1980-01-01@00:00:00"
_WEIGHTS = "model.weights.h5"
_ASSETS = "assets"


def save(model: keras.Model, path: Path, *, with_optimizer: bool = True) -> None:
    """Write a `.keras` file without the time of day, or without the optimizer's state, too."""
    optimizer = getattr(model, "optimizer", None)  # an uncompiled model has no such attribute
    try:
        if optimizer is not None and not with_optimizer:
            model.optimizer = None
        config, metadata = saving_lib._serialize_model_as_json(model)
        with _scratch() as name, zipfile.ZipFile(path, "w") as archive:
            folder = Path(name)
            archive.writestr(
                _entry("metadata.json"), json.dumps(json.loads(metadata) | {"date_saved": _SAVED})
            )
            archive.writestr(_entry("config.json"), _counted(config))
            _save_state(model, folder)
            for file in [folder / _WEIGHTS, *sorted((folder / _ASSETS).rglob("*"))]:
                if file.is_file():
                    _copy(file, archive, file.relative_to(folder).as_posix())
    finally:
        if optimizer is not None:
            model.optimizer = optimizer


def load(path: Path, *, over: keras.Model | None = None, compiled: bool = True) -> keras.Model:
    """Load a file that `save` wrote.

    over: a model whose weights' memory the loaded one takes where keys and shapes are the same;
        both hold the file's values then, and to assign to one is to assign to both.
    """
    with zipfile.ZipFile(path) as archive, _scratch() as name:
        folder = Path(name)
        config = archive.read("config.json")
        # A recurrent layer that keeps its state allocates it at once.
        stateful = b'"stateful": true' in config
        with nullcontext() if stateful else keras.StatelessScope(initialize_variables=False):
            model = saving_lib._model_from_config(config, None, compile=False, safe_mode=True)
        _allocate(model, over)
        compile_config = json.loads(config)["compile_config"]
        if compiled and compile_config:
            model.compile_from_config(compile_config)
        archive.extractall(folder)
        _load_state(model, folder)
    return model


def _allocate(model: keras.Model, over: keras.Model | None) -> None:
    """Give every variable its memory: another model's, or its own."""
    theirs = masks.variable_keys(over) if over is not None else {}
    for key, variable in masks.variable_keys(model).items():
        other = theirs.get(key)
        if other is not None and (other.shape, other.dtype) == (variable.shape, variable.dtype):
            variable._value, variable._initializer = other._value, None
    waiting = global_state.get_global_attribute("uninitialized_variables", [])
    global_state.set_global_attribute("uninitialized_variables", [])
    for variable in waiting:
        if variable._value is None:
            variable._deferred_initialize()


class _Store(saving_lib.H5IOStore):
    """Laid out as Keras lays it out in memory: to HDF5 a file object is not like a path."""

    def _get_h5_file(self, path_or_io: Path, mode: str | None = None) -> h5py.File:
        self.io_file = path_or_io.open("w+b")  # closed with the store
        return h5py.File(self.io_file, mode or self.mode)


def _save_state(model: keras.Model, folder: Path) -> None:
    weights = _Store(folder / _WEIGHTS, mode="w")
    assets = saving_lib.DiskIOStore(str(folder / _ASSETS), mode="w")
    try:
        saving_lib._save_state(model, weights, assets, "", set())
    finally:
        weights.close()
        assets.close()


def _load_state(model: keras.Model, folder: Path) -> None:
    weights = saving_lib.H5IOStore(folder / _WEIGHTS, mode="r")
    assets = None
    if (folder / _ASSETS).is_dir():
        assets = saving_lib.DiskIOStore(str(folder / _ASSETS), mode="r")
    failed: set[int] = set()
    messages: dict[int, Any] = {}
    try:
        saving_lib._load_state(
            model,
            weights,
            assets,
            inner_path="",
            visited_saveables=set(),
            failed_saveables=failed,
            error_msgs=messages,
        )
    finally:
        weights.close()
    if failed:
        saving_lib._raise_loading_failure(messages)


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """Never beside the file: that may lie in a finished level, which others are reading."""
    return tempfile.TemporaryDirectory(prefix="model-")


def _counted(config: str) -> str:
    """A configuration whose shared objects are counted: Keras names them by their address."""
    known: dict[str, int] = {}

    def count(found: re.Match[str]) -> str:
        return f"{found[1]}{known.setdefault(found[2], len(known) + 1)}"

    return re.sub(r'("shared_object_id": )(\d+)', count, config)


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, _DATE)


def _copy(source: Path, archive: zipfile.ZipFile, name: str) -> None:
    entry = _entry(name)
    entry.file_size = source.stat().st_size
    with source.open("rb") as reader, archive.open(entry, "w") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
