"""A place to try an operation: sample inputs, run it whole or cut, in float64."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from worker.engine.graph.edits import Edits
from worker.engine.graph.flow import Call, Flow, is_array
from worker.engine.graph.record import Cut

FAILURES = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    tf.errors.OpError,
)
KINDS = ("normal", "positive", "negative", "large", "whole", "sparse")
_SIZES = (6, 12, 16, 24, 32, 48, 64, 128, 224)
# A batch that is reshaped into steps must be a multiple of their number.
_BATCHES = (2, 6, 10, 16, 24, 49, 64, 100, 196)
_MOST_VALUES = 40_000_000


class NotRunnableError(Exception):
    """The operation could not be run on inputs of any size tried."""


@dataclass(frozen=True)
class Bench:
    """An operation with concrete input shapes at which it runs.

    shapes: one for each distinct tensor, by `id(flow)`.
    """

    operation: Any
    call: Call
    flows: tuple[Flow, ...]
    shapes: dict[int, tuple[int, ...]]

    @classmethod
    def of(cls, operation: Any, call: Call) -> Bench:
        """Find sizes for free dimensions at which the operation runs."""
        flows = tuple({id(flow): flow for flow in call.flows}.values())
        twin = _twin(operation, operation.get_config())
        free = any(size is None for flow in flows for size in flow.shape[1:])
        tries = [(size, _BATCHES[0]) for size in (_SIZES if free else _SIZES[:1])]
        tries += [(_SIZES[0], batch) for batch in _BATCHES[1:]]
        for size, batch in tries:
            bench = cls(twin, call, flows, {id(f): _concrete(f, size, batch) for f in flows})
            if bench.values() > _MOST_VALUES:
                continue
            try:
                bench.run(bench.sample("normal", np.random.default_rng(0)))
            except FAILURES:
                continue
            return bench
        raise NotRunnableError

    def values(self) -> int:
        """How many numbers go in."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    def sample(self, kind: str, generator: np.random.Generator) -> dict[int, np.ndarray]:
        """Random inputs of one kind, by `id(flow)`."""
        return {
            id(flow): _draw(kind, self.shapes[id(flow)], flow.dtype, generator)
            for flow in self.flows
        }

    def run(self, inputs: dict[int, np.ndarray]) -> list[np.ndarray]:
        """The outputs of the whole operation."""
        args, kwargs = self._arguments(inputs)
        return _outputs(self.operation(*args, **kwargs))

    def cut(self, edits: Edits, cut: Cut) -> CutBench:
        """The operation with sizes that follow a cut."""
        config = self.operation.get_config()
        if edits.config is not None:
            edits.config(config, cut)
        return CutBench(self, _twin(self.operation, config), edits, cut)

    def _arguments(self, inputs: dict[int, Any]) -> tuple[Any, Any]:
        def fill(leaf: Any) -> Any:
            if isinstance(leaf, Flow):
                return inputs[id(leaf)]
            # A convolution, unlike a product, takes no two precisions at once.
            floating = is_array(leaf) and "float" in str(leaf.dtype)
            return keras.ops.cast(leaf, "float64") if floating else leaf

        args, kwargs = tree.map_structure(fill, (self.call.args, dict(self.call.kwargs)))
        return args, kwargs


@dataclass(frozen=True)
class CutBench:
    """The same operation made smaller."""

    bench: Bench
    operation: Any
    edits: Edits
    choice: Cut

    def run(self, inputs: dict[int, np.ndarray]) -> list[np.ndarray]:
        """The outputs for inputs that were cut already."""
        args, kwargs = self._arguments(inputs)
        return _outputs(self.operation(*args, **kwargs))

    def shapes(self, inputs: dict[int, np.ndarray]) -> list[tuple[int | None, ...]]:
        """Output shapes as Keras infers them, with the free dimensions of the model."""
        symbols = {
            id(flow): keras.KerasTensor(
                tuple(
                    None if old is None else new
                    for old, new in zip(flow.shape, inputs[id(flow)].shape, strict=True)
                ),
                dtype=flow.dtype,
            )
            for flow in self.bench.flows
        }
        args, kwargs = self._arguments(symbols)
        return [
            tuple(t.shape)
            for t in tree.flatten(self.operation.compute_output_spec(*args, **kwargs))
        ]

    def _arguments(self, inputs: dict[int, Any]) -> tuple[Any, Any]:
        args, kwargs = self.bench._arguments(inputs)
        if self.edits.arguments is not None:
            return self.edits.arguments(args, kwargs, self.choice)
        return args, kwargs


def draws(generator: np.random.Generator, bench: Bench) -> Iterator[dict[int, np.ndarray]]:
    """One sample of every kind."""
    for kind in KINDS:
        yield bench.sample(kind, generator)


def _draw(
    kind: str, shape: tuple[int, ...], dtype: str, generator: np.random.Generator
) -> np.ndarray:
    if dtype == "bool":
        return generator.random(shape) < _true(kind, shape)
    if "int" in dtype:
        return generator.integers(0, 5, shape).astype(dtype)
    x = generator.standard_normal(shape)
    if kind == "positive":
        return np.abs(x) + 0.05
    if kind == "negative":
        return -np.abs(x) - 0.05
    if kind == "large":
        return x * 30
    if kind == "sparse":
        return np.where(generator.random(shape) < 0.1, x, 0.0)
    return np.round(x * 2) if kind == "whole" else x


def _true(kind: str, shape: tuple[int, ...]) -> float:
    """How often a truth value is true: of many even ones, "any" and "all" would never change."""
    each, every = (max(2, int(np.prod(sizes))) for sizes in (shape[-1:], shape[1:]))
    rates = {"positive": 1 - 1 / each, "negative": 1 / each, "large": 1 / every}
    return rates.get(kind, 1 - 1 / every if kind == "whole" else 0.5)


def _concrete(flow: Flow, size: int, batch: int) -> tuple[int, ...]:
    fixed = flow.shape[0] if flow.shape else None
    return (
        (batch if fixed is None else fixed, *(size if d is None else d for d in flow.shape[1:]))
        if flow.shape
        else ()
    )


def _twin(operation: Any, config: dict[str, Any]) -> Any:
    """A copy that shares no state with the model, in float64 where it has a precision."""
    if isinstance(operation, keras.Layer):
        config = {**config, "dtype": "float64"}
    return type(operation).from_config(config)


def _outputs(value: Any) -> list[np.ndarray]:
    return [np.asarray(keras.ops.convert_to_numpy(v)) for v in tree.flatten(value)]
