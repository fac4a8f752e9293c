"""What is known of an uploaded model once the sandbox has looked at it."""

from __future__ import annotations

from typing import Literal

from prunery.specs.base import Wire

TaskKind = Literal[
    "multiclass", "binary", "multilabel", "regression", "per_position", "autoencoder", "unknown"
]


class TensorInfo(Wire):
    """One input or output; `shape` leaves out the batch, None is a free dimension.

    `activation` is what an output comes out of; None where that is nothing but a linear layer.
    `entries` is how many the table has in which an input's numbers are looked up; None without one.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    activation: str | None = None
    entries: int | None = None


class CompileInfo(Wire):
    """The compile configuration a model was saved with; None where it had none."""

    loss: str | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    metrics: tuple[str, ...] = ()


class GroupInfo(Wire):
    """Units that can only go together. `units` is how many choices there are in the group.

    `own` are those of its `layers` that make the units or act on each; the others only read them.
    `parameters` and `flops` are what stands behind all of its units (batch 1), so one unit carries
    about `parameters / units`.
    """

    name: str
    layers: tuple[str, ...]
    own: tuple[str, ...] = ()
    units: int
    parameters: int
    flops: int


class FrozenInfo(Wire):
    """A layer that is left alone: why, in one sentence, and the way out where there is one."""

    layer: str
    reason: str
    way_out: str | None = None


class Prunability(Wire):
    """What can be removed, and why not the rest."""

    groups: tuple[GroupInfo, ...] = ()
    frozen: tuple[FrozenInfo, ...] = ()
    prunable_parameters: int = 0
    parameters: int = 0
    flops: int | None = None


class ModelSummary(Wire):
    """`flops` are 2 x multiply-adds at batch 1; None where a dimension is free.

    `kernel_paths` are the layers (or cells inside of them) that hold kernels or embeddings.
    """

    name: str
    format: Literal["keras", "h5"]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    layers: int
    layer_paths: tuple[str, ...] = ()
    kernel_paths: tuple[str, ...] = ()
    parameters: int
    flops: int | None = None
    compiled: CompileInfo | None = None
    output_activation: str | None = None
    scales_inputs: bool = False
    has_normalization: bool = False
    has_residuals: bool = False
    task: TaskKind = "unknown"
    notes: tuple[str, ...] = ()
    keras_version: str | None = None
