"""Floating-point operations of one example: 2 for each multiply-add of a kernel or a product.

Biases, activations, normalisation and pooling are not counted. Positions that a convolution reads
from its padding are, as is usual.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from worker.engine.profiling import products


def flops(model: keras.Model) -> int | None:
    """Operations of one example, batch 1; None where a free dimension decides."""
    counted = flops_by_layer(model)
    return None if counted is None else sum(counted.values())


def flops_by_layer(model: keras.Model) -> dict[str, int] | None:
    """The same by layer path; a layer called twice counts twice. Operations go by their name."""
    inputs = [
        keras.KerasTensor((t.shape[0] or 1, *t.shape[1:]), dtype=t.dtype) for t in model.inputs
    ]
    batch = inputs[0].shape[0] if inputs else 1
    counts: dict[str, int] = {}
    try:
        for path, multiplied in _trace(model, inputs, ""):
            counts[path] = counts.get(path, 0) + multiplied
    except products.FreeDimensionError:
        return None
    return {path: 2 * multiplied // batch for path, multiplied in counts.items()}


def _trace(model: Any, inputs: list[Any], prefix: str) -> Iterator[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    _call(model, inputs, prefix, found)
    return iter(found)


def _call(model: Any, inputs: Any, prefix: str, found: list[tuple[str, int]]) -> Any:
    """Run a model on shapes alone, noting the products of each of its operations."""
    graph = getattr(model, "_functional", None) or model

    def counting(operation: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            path = f"{prefix}{operation.name}"
            if isinstance(operation, keras.Model):
                return _call(operation, args[0] if args else kwargs, f"{path}/", found)
            outputs = operation.compute_output_spec(*args, **kwargs)
            found.extend(_products(operation, path, args, kwargs, outputs))
            return outputs

        return call

    return graph._run_through_graph(keras.tree.flatten(inputs), operation_fn=counting)


def _products(
    operation: Any, path: str, args: Any, kwargs: Any, outputs: Any
) -> Iterator[tuple[str, int]]:
    if isinstance(operation, keras.layers.TimeDistributed):
        yield from _time_distributed(operation, path, args[0])
    elif isinstance(operation, keras.layers.Bidirectional):
        for direction in (operation.forward_layer, operation.backward_layer):
            yield path, products.of(direction, args[:1], {}, outputs)
    elif isinstance(operation, keras.layers.SpectralNormalization):
        yield path, products.of(operation.layer, args, kwargs, outputs)
    else:
        yield path, products.of(operation, args, kwargs, outputs)


def _time_distributed(wrapper: Any, path: str, sequence: Any) -> Iterator[tuple[str, int]]:
    batch, steps, *rest = sequence.shape
    steps = products.known(steps)
    step = keras.KerasTensor((batch, *rest), dtype=sequence.dtype)
    if isinstance(wrapper.layer, keras.Model):
        for inner, count in _trace(wrapper.layer, [step], f"{path}/{wrapper.layer.name}/"):
            yield inner, steps * count
        return
    outputs = wrapper.layer.compute_output_spec(step)
    for _, count in _products(wrapper.layer, path, (step,), {}, outputs):
        yield path, steps * count
