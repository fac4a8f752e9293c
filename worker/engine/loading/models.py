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
from prunery.screening import config as screening
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits
from prunery.specs.models import CompileInfo
from worker.engine.loading import compiling, hdf5, weights
from worker.engine.loading.build import build

MAX_MEMBERS = 2_000
# Weights, two optimizer slots and a copy for averaging, in float64 at worst.
BYTES_PER_PARAMETER = 8 * 4
WEIGHTS = "model.weights.h5"


@dataclass
class Loaded:
    """A model as it was uploaded.

    `compile_config` is Keras' serialized form, or None where the model came or stays uncompiled;
    `optimizer_state` says whether the optimizer's slots are the file's.
    """

    model: keras.Model
    format: Literal["keras", "h5"]
    sha256: str
    compiled: CompileInfo | None = None
    compile_config: dict[str, Any] | None = None
    optimizer_state: bool = False
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
    if magic.startswith(b"PK\x03\x04"):
        return _load_archive(path, digest, limits, initial)
    if magic == b"\x89HDF\r\n\x1a\n":
        return _load_hdf5(path, digest, limits, initial)
    raise PruneryError(
        "file_type_unsupported", "The file is neither a .keras archive nor an HDF5 file."
    )


def _load_archive(path: Path, digest: str, limits: EngineLimits, initial: bool) -> Loaded:
    bounds = archives.Bounds(MAX_MEMBERS, limits.parameters * BYTES_PER_PARAMETER + 2**26)
    with archives.open_archive(path, bounds) as archive:
        if "config.json" not in archive or WEIGHTS not in archive:
            raise PruneryError(
                "archive_invalid", f"A .keras archive holds config.json and {WEIGHTS}."
            )
        config = _parse(archive.read("config.json", strict_json.MAX_BYTES))
        version = _version(archive)
        with _extracted(archive, WEIGHTS) as weights_file:
            return _finish(
                Loaded(_built(config, limits, version), "keras", digest, keras_version=version),
                config.get("compile_config"),
                weights_file,
                initial=initial,
            )


def _load_hdf5(path: Path, digest: str, limits: EngineLimits, initial: bool) -> Loaded:
    with hdf5.open_checked(path) as opened:
        texts = {
            key: opened.attrs.get(key)
            for key in ("model_config", "training_config", "keras_version")
        }
    if texts["model_config"] is None:
        raise PruneryError("model_weights_only", "The HDF5 file holds no model configuration.")
    version = _text(texts["keras_version"]) or None
    config = _parse(_text(texts["model_config"]))
    compile_config = None
    if texts["training_config"] is not None:
        compile_config = legacy.modern_compile(_parse(_text(texts["training_config"])))
    loaded = Loaded(_built(config, limits, version), "h5", digest, keras_version=version)
    return _finish(loaded, compile_config, path, initial=initial)


def _built(config: Any, limits: EngineLimits, version: str | None) -> keras.Model:
    config = legacy.modern_model(config) if legacy.is_legacy(config, version) else config
    screening.check_model(config, max_layers=limits.layers)
    plain = {key: value for key, value in config.items() if key != "compile_config"}
    return build(plain, limits)


def _finish(loaded: Loaded, compile_config: Any, weights_file: Path, *, initial: bool) -> Loaded:
    if compile_config and not initial and legacy.is_legacy(compile_config, loaded.keras_version):
        compile_config = legacy.modern_compile(compile_config)
    if (
        compile_config
        and not initial
        and compiling.compile_model(loaded.model, compile_config, loaded.notes)
    ):
        loaded.compile_config = compile_config
        loaded.compiled = compiling.describe(compile_config)
    read = weights.from_keras_file if loaded.format == "keras" else weights.from_legacy_file
    loaded.optimizer_state = read(loaded.model, weights_file, loaded.notes)
    return loaded


def _parse(text: bytes | str) -> Any:
    document = strict_json.parse(text, what="The model's configuration")
    if not isinstance(document, dict):
        raise PruneryError("model_config_invalid", "The model's configuration is not an object.")
    return document


def _version(archive: archives.Archive) -> str | None:
    if "metadata.json" not in archive:
        return None
    found = _parse(archive.read("metadata.json", 2**20)).get("keras_version")
    return found[:40] if isinstance(found, str) else None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else ""


@contextmanager
def _extracted(archive: archives.Archive, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        yield archive.extract(name, Path(folder, WEIGHTS))
