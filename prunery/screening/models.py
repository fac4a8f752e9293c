"""The first look at a model file: what it is, and whether its configuration names only safe things.

An HDF5 file is opened in the sandbox alone; here its first bytes are all that is looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

from prunery.screening import archives, config, legacy, strict_json
from prunery.screening.junk import is_junk
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits

MAX_MEMBERS = 2_000
# Weights, two optimizer slots and an average of the weights, in float64 at worst.
BYTES_PER_PARAMETER = 8 * 4
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
H5_SUFFIXES = (".h5", ".hdf5")

SAVE = "Save the model with model.save('net.keras')."
_TORCH = (
    "A PyTorch file is a program or bare weights. Build the same layers in Keras, copy the weights "
    "with layer.set_weights, and save it with model.save('net.keras')."
)
# What people bring instead, by the file's ending, and the way out of each.
FOREIGN = {
    ".pb": "Load it with the Keras that made it and save it with model.save('net.keras').",
    ".tflite": "TensorFlow Lite is made from a model and cannot be trained: give the model that it "
    "was converted from, saved with model.save('net.keras').",
    ".onnx": "ONNX is an export: give the Keras model that it came from, saved with "
    "model.save('net.keras').",
    ".json": "This is the architecture alone: zip it with its weights (.h5), or save both with "
    "model.save('net.keras').",
    ".ckpt": "A checkpoint holds weights alone: load it into the model with model.load_weights, "
    "then save it with model.save('net.keras').",
    **dict.fromkeys((".pt", ".pth", ".safetensors"), _TORCH),
    **dict.fromkeys(
        (".pkl", ".pickle", ".joblib"),
        "A pickle can run code when it is read. Load it yourself and save the model with "
        "model.save('net.keras').",
    ),
}


class ScreenedModel(NamedTuple):
    """`format` is what the content is, whatever the file's name says."""

    format: Literal["keras", "h5"]


class Description(NamedTuple):
    """A .keras archive's configuration, in today's form and checked."""

    model: dict[str, Any]
    compile: Any
    keras_version: str | None


def screen_model(path: Path, filename: str, limits: EngineLimits | None = None) -> ScreenedModel:
    """Raise `file_*`, `archive_*` or `model_*` for what must not go any further."""
    limits = limits or EngineLimits()
    with path.open("rb") as stream:
        start = stream.read(8)
    if not start:
        raise PruneryError("file_empty", "The model file is empty.")
    suffix = Path(filename).suffix.lower()
    if suffix not in (".keras", ".zip", *H5_SUFFIXES):
        raise PruneryError(
            "file_type_unsupported",
            f"Files named {suffix or 'without an ending'!r} are not read as models.",
            hint=FOREIGN.get(suffix, SAVE),
        )
    if start == HDF5:
        if suffix not in (".keras", *H5_SUFFIXES):  # TensorFlow up to 2.12 wrote HDF5 as .keras
            raise PruneryError(
                "file_type_mismatch", f"The file's name says {suffix}, its content is HDF5."
            )
        return ScreenedModel("h5")
    if not start.startswith(ZIP) or suffix in H5_SUFFIXES:
        raise PruneryError(
            "file_type_mismatch", f"The content is not that of a {suffix} file.", hint=_hint(suffix)
        )
    with archives.open_archive(path, bounds(limits)) as archive:
        if suffix == ".zip" and CONFIG not in archive:
            packed(archive)
            return ScreenedModel("h5")
        describe(archive, limits)
    return ScreenedModel("keras")


def _hint(suffix: str) -> str:
    return f"Save the model again as a {suffix} file; a .keras file is a zip, an .h5 file is HDF5."


def bounds(limits: EngineLimits) -> archives.Bounds:
    """What a model's archive may hold."""
    return archives.Bounds(MAX_MEMBERS, limits.parameters * BYTES_PER_PARAMETER + 2**26)


def describe(archive: archives.Archive, limits: EngineLimits) -> Description:
    """Read, translate and check the configuration of a .keras archive."""
    if "model.weights.npz" in archive:
        raise PruneryError(
            "model_weights_invalid",
            "The weights are kept as NumPy arrays, not as HDF5.",
            hint="Save the model with model.save('net.keras'), without a weights format.",
        )
    for name in archive.members:
        if name not in (CONFIG, METADATA, WEIGHTS) and not name.startswith("assets/"):
            raise PruneryError(
                "archive_invalid", f"A .keras archive has no member named {name[:120]!r}."
            )
    if CONFIG not in archive or WEIGHTS not in archive:
        raise PruneryError("archive_invalid", f"A .keras archive holds {CONFIG} and {WEIGHTS}.")
    version = None
    if METADATA in archive:
        found = parse(archive.read(METADATA, 2**20)).get("keras_version")
        version = found[:40] if isinstance(found, str) else None
    document = parse(archive.read(CONFIG, strict_json.MAX_BYTES))
    return check(document, document.get("compile_config"), version, limits)


def check(
    document: dict[str, Any], compile_config: Any, version: str | None, limits: EngineLimits
) -> Description:
    """Translate what is old and raise for what is not allowed, wherever the text came from."""
    if legacy.is_legacy(document, version):
        document = legacy.modern_model(document, version)
    config.check_model(document, max_layers=limits.layers)
    if compile_config:
        if legacy.is_legacy(compile_config, version):
            compile_config = legacy.modern_compile(compile_config)
        try:
            config.check_compile(compile_config)
        except PruneryError as error:
            # The model can still be pruned, under a loss that Keras has.
            if error.code != "model_custom_object":
                raise
    model = {key: value for key, value in document.items() if key != "compile_config"}
    return Description(model, compile_config or None, version)


class Packed(NamedTuple):
    """An .h5 file in a zip, with its architecture where that lies beside it."""

    weights: str
    architecture: str | None


def packed(archive: archives.Archive) -> Packed:
    """Find the model in a zip that is no .keras file.

    Weights with `model.to_json()` beside them, or a whole .h5 model with a text or two, as
    Teachable Machine hands it out.
    """
    names = [name for name in archive.members if not is_junk(name)]
    weights = [name for name in names if name.endswith(H5_SUFFIXES)]
    texts = [name for name in names if name.endswith(".json")]
    others = [name for name in names if not name.endswith((*H5_SUFFIXES, ".json", ".txt", ".md"))]
    if any(name.endswith(("saved_model.pb", "keras_metadata.pb")) for name in names):
        raise PruneryError(
            "file_type_unsupported",
            "The zip holds a SavedModel, which is a program and not only a model.",
            hint=FOREIGN[".pb"],
        )
    if len(weights) != 1 or len(texts) > 1 or others:
        raise PruneryError(
            "file_type_mismatch",
            "The zip is no .keras file, nor one .h5 file with its architecture beside it.",
        )
    return Packed(weights[0], texts[0] if texts else None)


def parse(text: bytes | str) -> dict[str, Any]:
    """A configuration's JSON, which must be an object."""
    document = strict_json.parse(text, what="The model's configuration", infinity=True)
    if not isinstance(document, dict):
        raise PruneryError("model_config_invalid", "The model's configuration is not an object.")
    return document
