"""How many threads TensorFlow computes with: settled before its first tensor, or begun anew.

A step of a small dense net is a few products of some ten microseconds: two threads spend longer
waiting for each other than they save. `benchmarks/threads.py` measures where that ends: at some
150,000 parameters where the processor has AVX-512, at some 60,000 where it has not. Of larger nets,
the smaller levels lose less by a second thread than the larger ones win. Layers that TensorFlow
divides well keep every thread. That is the usual number; a job that is long enough to repay it
tries the other one too (`lottery.settling.pace`).
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from prunery.screening import archives
from prunery.screening import models as screening
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits, EngineSpec

SMALL_PARAMETERS = 100_000
# A net of so many parameters, its optimizer's slots in float64 beside it, is not larger than this.
_SMALL_FILE_BYTES = 16 * SMALL_PARAMETERS
_DENSE_ONLY = frozenset(
    {
        *("Sequential", "Functional", "Model", "InputLayer", "Dense", "Flatten", "Reshape"),
        *("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "Dropout", "Rescaling"),
        *("BatchNormalization", "LayerNormalization", "Normalization", "GaussianNoise"),
        *("Concatenate", "Add", "Multiply", "Average", "Subtract", "Maximum", "Minimum"),
    }
)
_ours = False


class Pin(BaseModel):
    """The number that a job's trainings share, for sums of other threads round otherwise."""

    threads: int = Field(ge=1)
    why: str | None = None


def settle(spec: EngineSpec) -> None:
    """Set TensorFlow's threads for this job; does nothing in a process that has used it already."""
    global _ours
    import tensorflow as tf

    # Read when the first tensor is made: without it the first number stays for good.
    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(_settled(spec))
        _ours = True
    except RuntimeError:  # the caller's process, where TensorFlow is at work
        _ours = False


def may_change() -> bool:
    """Whether TensorFlow computes for one job alone in this process, and on its processor."""
    import tensorflow as tf

    return _ours and not tf.config.list_physical_devices("GPU")


def change(threads: int) -> None:
    """Begin anew with so many threads: all tensors, variables and compiled functions are void.

    The caller holds none of them any longer. TensorFlow has no other way: its pools are made with
    its context, which `may_change` says is ours to drop.
    """
    import keras
    import tensorflow as tf
    from tensorflow.python.eager import context

    keras.utils.clear_session()
    gc.collect()
    context._reset_context()
    tf.config.threading.set_intra_op_parallelism_threads(threads)


def in_use() -> int:
    """How many threads one operation may use."""
    import tensorflow as tf

    return tf.config.threading.get_intra_op_parallelism_threads() or allowed(None)


def allowed(limit: int | None) -> int:
    """How many a job may use: what the service allows, or else a thread for each processor."""
    told = limit or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0)
    if told:
        return told
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pinned(spec: EngineSpec) -> Pin | None:
    """What an earlier attempt pinned; None where none did, or where that can't be read."""
    try:
        return Pin.model_validate_json(_pin_file(spec).read_bytes())
    except (OSError, ValidationError):
        return None


def pin(spec: EngineSpec, chosen: Pin) -> None:
    """Keep the number in the checkpoint folder: whatever goes on from there computes with it."""
    path = _pin_file(spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    scratch.write_text(chosen.model_dump_json())
    scratch.replace(path)


def _pin_file(spec: EngineSpec) -> Path:
    return (spec.checkpoint_dir or spec.work_dir / "checkpoint") / "threads.json"


def _settled(spec: EngineSpec) -> int:
    """Asked for, pinned, or usual; never more than the service allows."""
    import tensorflow as tf

    most = allowed(spec.limits.threads)
    asked = spec.recipe.training.threads if spec.recipe is not None else "auto"
    if asked != "auto":
        return asked if spec.limits.threads is None else min(asked, most)
    found = pinned(spec)
    if found is not None:
        return min(found.threads, most)
    gpu = tf.config.list_physical_devices("GPU")
    if spec.kind in ("prune", "choose") and spec.model and not gpu and _is_small(spec):
        return 1
    return most


def _is_small(spec: EngineSpec) -> bool:
    """Whether the model is a small net of dense layers; what cannot be read is not."""
    assert spec.model is not None
    try:
        if spec.model.stat().st_size > _SMALL_FILE_BYTES:
            return False
        with _opened(spec.model, spec.limits) as (document, weights):
            return _is_dense(document) and _parameters(weights) <= SMALL_PARAMETERS
    except (PruneryError, OSError):
        return False  # loading says what is wrong


@contextmanager
def _opened(path: Path, limits: EngineLimits) -> Iterator[tuple[dict[str, Any], Any]]:
    """The model's configuration and its weights as HDF5, both checked."""
    from worker.engine.loading import hdf5

    with path.open("rb") as stream:
        zipped = stream.read(8).startswith(screening.ZIP)
    if not zipped:
        with hdf5.open_checked(path) as weights:
            yield screening.parse(weights.attrs.get("model_config", b"{}")), weights
        return
    with (
        archives.open_archive(path, screening.bounds(limits)) as archive,
        tempfile.TemporaryDirectory(prefix="peek-") as folder,
    ):
        document = screening.describe(archive, limits).model
        extracted = archive.extract(screening.WEIGHTS, Path(folder, screening.WEIGHTS))
        with hdf5.open_checked(extracted) as weights:
            yield document, weights


def _is_dense(document: Any) -> bool:
    """Whether a model's configuration names no layer but those of a dense net, however nested."""
    if not isinstance(document, dict) or document.get("class_name") not in _DENSE_ONLY:
        return False
    config = document.get("config")
    layers = config.get("layers", []) if isinstance(config, dict) else config
    return isinstance(layers, list) and all(map(_is_dense, layers))


def _parameters(weights: Any) -> int:
    """Entries of every array but the optimizer's."""
    import h5py

    found = 0

    def count(name: str, item: Any) -> None:
        nonlocal found
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer"):
            found += item.size

    weights.visititems(count)
    return found
