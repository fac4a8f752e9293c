"""The two kinds of uploads, and what differs between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.core.settings import Settings
from app.core.tables import DatasetTable, ModelTable
from prunery.screening.datasets import screen_dataset
from prunery.screening.models import screen_model
from prunery.specs.job import EngineLimits

if TYPE_CHECKING:
    from app.core.ids import Prefix

UploadTable = ModelTable | DatasetTable


@dataclass(frozen=True)
class Kind:
    """`screen` looks at a file without any library and returns its format, or raises.

    `default_name` names an upload whose sender did not, by its first bytes.
    """

    name: Literal["model", "dataset"]
    prefix: Prefix
    table: type[ModelTable] | type[DatasetTable]
    folder: str
    screen: Callable[[Path, str, Settings], str]
    limit_bytes: Callable[[Settings], int]
    default_name: Callable[[bytes], str]


def _screen_model(path: Path, filename: str, settings: Settings) -> str:
    return screen_model(path, filename, _engine_limits(settings)).format


def _screen_dataset(path: Path, filename: str, settings: Settings) -> str:
    return screen_dataset(path, filename, _engine_limits(settings))


def _engine_limits(settings: Settings) -> EngineLimits:
    return EngineLimits(
        parameters=settings.max_parameters,
        layers=settings.max_layers,
        dataset_bytes=settings.max_dataset_bytes,
    )


def _model_name(start: bytes) -> str:
    return "model.h5" if start.startswith(b"\x89HDF") else "model.keras"


def _dataset_name(start: bytes) -> str:
    return "data.zip" if start.startswith(b"PK") else "data.csv"


MODEL = Kind(
    "model",
    "mdl",
    ModelTable,
    "models",
    _screen_model,
    lambda settings: settings.max_model_bytes,
    _model_name,
)
DATASET = Kind(
    "dataset",
    "dst",
    DatasetTable,
    "datasets",
    _screen_dataset,
    lambda settings: settings.max_dataset_bytes,
    _dataset_name,
)
