"""What is known of a loaded model: its ends, its size, the task that it was made for."""

from __future__ import annotations

import math
from typing import Any

import keras

from prunery.specs.models import ModelSummary, TaskKind, TensorInfo
from worker.engine import masks
from worker.engine.calling import input_names, output_names
from worker.engine.loading.build import live_operations
from worker.engine.loading.first_layers import scales_inputs, table_size
from worker.engine.loading.models import Loaded

_SHARES = ("softmax", "sigmoid")
_DEEPEST = 50
# What makes of plain numbers others: activations, and the arithmetic that one is written in.
_BOUNDING = (
    *("Softmax", "Sigmoid", "Tanh", "Relu", "ReLU", "LogSoftmax"),
    *("Divide", "TrueDivide", "Exp", "Clip"),
)
_NORMALIZATION = (
    "BatchNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "UnitNormalization",
    "SpectralNormalization",
    "LayerScale",
)


def summarise(loaded: Loaded, *, flops: int | None = None) -> ModelSummary:
    """Describe a loaded model; `flops` comes from profiling, which this room doesn't import."""
    model = loaded.model
    operations = live_operations(model)
    kinds = {type(operation).__name__ for operation in operations}
    outputs = tuple(
        _info(tensor, name, activation=output_activation(model, tensor))
        for tensor, name in zip(model.outputs, output_names(model), strict=True)
    )
    return ModelSummary(
        name=model.name,
        format=loaded.format,
        inputs=tuple(
            _info(tensor, name, entries=table_size(model, tensor))
            for tensor, name in zip(model.inputs, input_names(model), strict=True)
        ),
        outputs=outputs,
        layers=sum(1 for item in operations if isinstance(item, keras.Layer) and item is not model),
        layer_paths=tuple(masks.layer_paths(model)),
        kernel_paths=tuple(
            dict.fromkeys(key.rsplit("/", 1)[0] for key in masks.prunable_keys(model))
        ),
        parameters=sum(math.prod(variable.shape) for variable in model.weights),
        flops=flops,
        compiled=loaded.compiled,
        output_activation=outputs[0].activation,
        scales_inputs=scales_inputs(model),
        has_normalization=bool(kinds & set(_NORMALIZATION)),
        has_residuals=_has_residuals(operations),
        task=guess_task(loaded.compiled.loss if loaded.compiled else None, outputs),
        notes=tuple(loaded.notes),
        keras_version=loaded.keras_version,
    )


def _info(tensor: Any, name: str, **more: Any) -> TensorInfo:
    return TensorInfo(name=name, shape=tuple(tensor.shape[1:]), dtype=str(tensor.dtype), **more)


def output_activation(
    model: keras.Model, tensor: Any, found: dict[int, str | None] | None = None, depth: int = 0
) -> str | None:
    """Name of the activation that an output comes out of; None where there is none.

    What is made of shares alone, as the mean of two softmaxes, is no plain number: it is told as
    "average(softmax)". found: by tensor, what is known already.
    """
    found = {} if found is None else found
    if id(tensor) not in found:
        found[id(tensor)] = None  # while it is looked for
        if depth < _DEEPEST:
            found[id(tensor)] = _came_out_of(model, tensor, found, depth + 1)
    return found[id(tensor)]


def _came_out_of(
    model: keras.Model, tensor: Any, found: dict[int, str | None], depth: int
) -> str | None:
    history = tensor._keras_history
    operation = history.operation
    if isinstance(operation, keras.Sequential | keras.src.models.functional.Functional):
        if operation is model or not operation.outputs:
            return None
        return output_activation(model, operation.outputs[history.tensor_index], found, depth)
    name = _activation_of(operation)
    if name not in ("passive", "mixing"):
        return None if name == "linear" else name
    inputs = operation._inbound_nodes[history.node_index].input_tensors
    if name == "passive" and inputs:
        return output_activation(model, inputs[0], found, depth)
    inner = ""
    for one in inputs:
        inner = output_activation(model, one, found, depth) or ""
        if inner.rstrip(")").rsplit("(", 1)[-1] not in _SHARES:
            return None
    return f"{type(operation).__name__.lower()}({inner})" if inner else None


def _activation_of(operation: Any) -> str:
    """Its name, or whether an operation is "passive", "linear", or "mixing" what it is given."""
    kind = type(operation).__name__
    if kind in _BOUNDING:
        return kind.lower()
    if kind in ("Reshape", "Flatten", "Cast", "Dropout", "Identity", "Permute"):
        return "passive"
    inner = operation.layer if kind == "TimeDistributed" else operation
    function = getattr(inner, "activation", None)
    if function is None:
        return "linear" if hasattr(inner, "kernel") else "mixing"
    return getattr(function, "__name__", "linear")


def _has_residuals(operations: list[Any]) -> bool:
    """A sum of two tensors of which one is an ancestor's output too: told by the merge alone."""
    return any(
        type(operation).__name__ == "Add"
        and any(len(node.input_tensors) > 1 for node in operation._inbound_nodes)
        for operation in operations
    )


def guess_task(loss: str | None, outputs: tuple[TensorInfo, ...]) -> TaskKind:
    """The task that loss, output width and activation speak for."""
    loss = (loss or "").lower().replace("_", "")
    shape, activation = outputs[0].shape, outputs[0].activation
    if len(outputs) > 1:
        return "unknown"
    if len(shape) > 1 and ("crossentropy" in loss or activation in ("softmax", "sigmoid")):
        return "per_position"
    if "binarycrossentropy" in loss or "binaryfocal" in loss:
        return "binary" if shape[-1:] == (1,) else "multilabel"
    if "categorical" in loss:
        return "multiclass"
    if any(word in loss for word in ("squared", "absolute", "mse", "mae", "huber", "logcosh")):
        return "regression"
    if activation in ("softmax", "logsoftmax", "log_softmax"):
        return "multiclass"
    if activation == "sigmoid" and shape[-1:] == (1,):
        return "binary"
    return "unknown"
