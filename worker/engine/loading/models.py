"""Loading a model file that a stranger made.

    bytes -> archive or HDF5 checked -> configuration checked -> built -> live types checked
          -> compiled by ourselves -> weights

Nothing in the file is called, imported or followed; see `prunery.screening` for the rules.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import keras

from prunery.screening import archives, legacy, strict_json
from prunery.screening import models as screening
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits
from prunery.specs.models import CompileInfo
from worker.engine.loading import compiling, fusion, hdf5, weights
from worker.engine.loading.build import build

MAX_ASSET_BYTES = 64_000_000


@dataclass
class Loaded:
    """A model as it was uploaded.

    `compile_config` is Keras' serialized form, or None where the model came or stays uncompiled;
    `optimizer_state` says whether the optimizer's slots are the file's, `spent_schedule` whether
    its learning-rate schedule has come to (almost) nothing.
    """

    model: keras.Model
    format: Literal["keras", "h5"]
    sha256: str
    compiled: CompileInfo | None = None
    compile_config: dict[str, Any] | None = None
    optimizer_state: bool = False
    spent_schedule: bool = False
    keras_version: str | None = None
    notes: list[str] = field(default_factory=list)


def load(path: Path, *, limits: EngineLimits | None = None, initial: bool = False) -> Loaded:
    """Load a .keras or whole-model .h5 file. `initial`: only the weights matter, don't compile.

    Raises a `model_*`, `archive_*`, `hdf5_*` or `file_*` error that names what is wrong.
    """
    limits = limits or EngineLimits()
    path = Path(path)
    with path.open("rb") as stream:
        magic = stream.read(8)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not magic:
        raise PruneryError("file_empty", "The model file is empty.")
    if magic.startswith(screening.ZIP):
        return _load_archive(path, digest, limits, initial)
    if magic == screening.HDF5:
        return _load_hdf5(path, digest, limits, initial)
    raise PruneryError(
        "file_type_unsupported",
        "The file is neither a .keras archive nor an HDF5 file.",
        hint=screening.FOREIGN.get(path.suffix.lower(), screening.SAVE),
    )


def _load_archive(path: Path, digest: str, limits: EngineLimits, initial: bool) -> Loaded:
    with archives.open_archive(path, screening.bounds(limits)) as archive:
        if screening.CONFIG not in archive:
            return _load_packed(archive, digest, limits, initial)
        described = screening.describe(archive, limits)
        with _extracted(archive, screening.WEIGHTS) as weights_file:
            loaded = _built(described, "keras", digest, limits, initial)
            loaded.optimizer_state = weights.from_keras_file(
                loaded.model, weights_file, loaded.notes, described.keras_version
            )
            weights.require_numbers(loaded.model)
            _tell_spent(loaded)
        _load_assets(archive, loaded.model)
    return loaded


def _tell_spent(loaded: Loaded) -> None:
    if compiling.is_spent(loaded.model):
        loaded.spent_schedule = True
        loaded.notes.append(
            "The learning-rate schedule is at its end: going on with it would train nothing, so "
            "training begins it anew."
        )


def _load_assets(archive: archives.Archive, model: keras.Model) -> None:
    members = [name for name in archive.members if name.startswith("assets/")]
    if not members:
        return
    if sum(archive.members[name].file_size for name in members) > MAX_ASSET_BYTES:
        raise PruneryError("archive_too_large", "The model's vocabularies are too large.")
    with tempfile.TemporaryDirectory(prefix="assets-") as folder:
        for name in members:
            # Every part of the path has been checked: relative, no dots, no separators inside.
            target = Path(folder, *name.split("/"))
            target.parent.mkdir(parents=True, exist_ok=True)
            archive.extract(name, target)
        weights.load_assets(model, Path(folder, "assets"))


def _load_hdf5(path: Path, digest: str, limits: EngineLimits, initial: bool) -> Loaded:
    with hdf5.open_checked(path) as opened:
        texts = {
            key: _text(opened.attrs.get(key))
            for key in ("model_config", "training_config", "keras_version")
        }
    if not texts["model_config"]:
        raise PruneryError(
            "model_weights_only",
            "The HDF5 file holds weights but no model configuration.",
            hint="Save the whole model with model.save('net.keras'), or upload a zip of this file "
            "and its architecture as model.to_json() gives it (prunery local: --architecture).",
        )
    return _load_legacy(path, texts, digest, limits, initial)


def _load_packed(
    archive: archives.Archive, digest: str, limits: EngineLimits, initial: bool
) -> Loaded:
    """A zip of an .h5 file; what `model.to_json()` wrote is in it, or lies beside it."""
    found = screening.packed(archive)
    with _extracted(archive, found.weights) as weights_file:
        if found.architecture is None:
            return _load_hdf5(weights_file, digest, limits, initial)
        raw = archive.read(found.architecture, strict_json.MAX_BYTES)
        text = raw.decode("utf-8", errors="replace")
        return _load_legacy(weights_file, {"model_config": text}, digest, limits, initial)


def _load_legacy(
    path: Path, texts: dict[str, str], digest: str, limits: EngineLimits, initial: bool
) -> Loaded:
    document = screening.parse(texts["model_config"])
    version = texts.get("keras_version") or document.get("keras_version")
    version = version[:40] if isinstance(version, str) else None
    training = texts.get("training_config")
    compile_config = screening.parse(training) if training else None
    described = screening.check(document, compile_config, version, limits)
    loaded = _built(described, "h5", digest, limits, initial)
    loaded.optimizer_state = weights.from_hdf5(loaded.model, path, loaded.notes)
    weights.require_numbers(loaded.model)
    _tell_spent(loaded)
    return loaded


def _built(
    described: screening.Description,
    form: Literal["keras", "h5"],
    digest: str,
    limits: EngineLimits,
    initial: bool,
) -> Loaded:
    loaded = Loaded(
        build(described.model, limits), form, digest, keras_version=described.keras_version
    )
    fusion.settle(loaded.model)
    loaded.notes.extend(legacy.notes(described.keras_version))
    if described.compile and not initial:
        document = compiling.compile_model(loaded.model, described.compile, loaded.notes)
        loaded.compile_config = document
        loaded.compiled = compiling.describe(document) if document else None
    return loaded


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else ""


@contextmanager
def _extracted(archive: archives.Archive, name: str) -> Iterator[Path]:
    """Keras tells by the name's end how weights are laid out; hence the name of our own."""
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        yield archive.extract(name, Path(folder, screening.WEIGHTS))
