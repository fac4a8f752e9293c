"""Dataset files and model summaries for the tests of datasets."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from prunery.specs.datasets import DatasetOptions
from prunery.specs.models import CompileInfo, ModelSummary, TensorInfo
from prunery.specs.recipe import DataOptions
from worker.engine.datasets import Dataset, prepare

Shape = tuple[int | None, ...]


def model(
    inputs: Shape | dict[str, Shape] = (4,),
    outputs: Shape | dict[str, Shape] = (3,),
    *,
    loss: str | None = None,
    activation: str | None = "softmax",
    **more: Any,
) -> ModelSummary:
    """What is known of a model with these ends."""

    def ends(
        given: Shape | dict[str, Shape], name: str, after: str | None = None
    ) -> tuple[TensorInfo, ...]:
        shapes = given if isinstance(given, dict) else {name: given}
        return tuple(
            TensorInfo(name=n, shape=s, dtype="float32", activation=after)
            for n, s in shapes.items()
        )

    return ModelSummary(
        name="net",
        format="keras",
        inputs=ends(inputs, "input"),
        outputs=ends(outputs, "output", activation),
        layers=2,
        parameters=10,
        compiled=CompileInfo(loss=loss) if loss else None,
        output_activation=activation,
        **more,
    )


def made(
    path: Path, summary: ModelSummary, *, options: DatasetOptions | None = None, **more: Any
) -> Dataset:
    """A dataset made ready beside its file."""
    data = DataOptions(**{key: more.pop(key) for key in ("labels", "resize") if key in more})
    cache = more.pop("cache", None)
    options = options or DatasetOptions()
    return prepare(path, path.name, options, summary, data, cache, path.parent / "work", **more)


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **{name: np.asarray(array) for name, array in arrays.items()})
    return path


def picture(
    size: tuple[int, int] = (10, 8), mode: str = "RGB", form: str = "PNG", **options: Any
) -> bytes:
    """A picture (width, height) whose left half is dark and whose right half is bright."""
    width, height = size
    pixels = np.zeros((height, width), np.uint8)
    pixels[:, width // 2 :] = 200
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, form, **options)
    return out.getvalue()


def folders(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return path
