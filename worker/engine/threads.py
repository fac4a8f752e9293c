"""How many threads TensorFlow computes with, settled before it makes its first tensor.

A step of a small dense net is a few products of some ten microseconds: two threads spend longer
waiting for each other than they save. `benchmarks/threads.py` measures where that ends: at some
150,000 parameters where the processor has AVX-512, at some 60,000 where it has not. Of larger nets,
the smaller levels lose less by a second thread than the larger ones win. Layers that TensorFlow
divides well keep every thread.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


def settle(spec: EngineSpec) -> None:
    """Set TensorFlow's threads for this job; does nothing in a process that has used it already."""
    import tensorflow as tf

    threads = spec.limits.threads
    gpu = tf.config.list_physical_devices("GPU")
    if spec.kind in ("prune", "choose") and spec.model and not gpu and _is_small(spec):
        threads = 1
    if threads is None:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:  # the caller's process, where TensorFlow is at work
        return


def in_use() -> int:
    """How many threads one operation may use."""
    import tensorflow as tf

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return tf.config.threading.get_intra_op_parallelism_threads() or allowed or 1


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
