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


def output_activation(model: keras.Model, tensor: Any) -> str | None:
    """Name of the activation that an output comes out of; None where there is none."""
    for _ in range(50):
        operation = tensor._keras_history.operation
        if isinstance(operation, keras.Sequential | keras.src.models.functional.Functional):
            if operation is model or not operation.outputs:
                return None
            tensor = operation.outputs[tensor._keras_history.tensor_index]
            continue
        name = _activation_of(operation)
        if name not in ("passive", "linear"):
            return name
        inputs = operation._inbound_nodes[tensor._keras_history.node_index].input_tensors
        if name == "linear" or not inputs:
            return None
        tensor = inputs[0]
    return None


def _activation_of(operation: Any) -> str | None:
    if type(operation).__name__ in _BOUNDING:
        return type(operation).__name__.lower()
    if type(operation).__name__ in ("Reshape", "Flatten", "Cast", "Dropout", "Identity", "Permute"):
        return "passive"
    inner = operation.layer if type(operation).__name__ == "TimeDistributed" else operation
    function = getattr(inner, "activation", None)
    return getattr(function, "__name__", None) if function is not None else "linear"


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
