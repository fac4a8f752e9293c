"""Names for an optimizer's variables that do not depend on process-wide counters.

`momentums/hidden/kernel` is a slot of a weight, `iterations` a variable of the optimizer itself;
what a wrapping optimizer (loss scaling) holds inside is prefixed `inner/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from worker.engine import masks

# Their slots mix entries of one weight, so a single entry has no value of its own.
FACTORED = ("Adafactor",)
# Slots stay at their start by themselves where the gradient and the weight are 0: arithmetic is
# entry by entry and adds nothing but multiples of the two. Each is held to this by a test.
ELEMENTWISE = frozenset(
    {
        *("SGD", "Adam", "AdamW", "RMSprop", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl"),
        *("Lion", "Lamb", "ScheduleFreeAdamW"),
    }
)


def optimizer_keys(optimizer: Any, model: keras.Model) -> dict[str, Any]:
    """Name every variable of a built optimizer."""
    names = masks.key_of(model)
    named: dict[str, Any] = {}
    seen: set[int] = set()
    for key, variable in _walk(optimizer, names, "", set()):
        if id(variable) not in seen:
            seen.add(id(variable))
            named[key] = variable
    left = [variable for variable in optimizer.variables if id(variable) not in seen]
    named.update({f"other/{index}": variable for index, variable in enumerate(left)})
    return named


def slots_of(optimizer: Any, model: keras.Model) -> list[tuple[Any, Any]]:
    """Pair each slot with the weight it belongs to: same shape, entry for entry."""
    weights = masks.variable_keys(model)
    pairs = []
    for inner in innermost(optimizer):
        if type(inner).__name__ in FACTORED:
            continue
        for key, slot in optimizer_keys(inner, model).items():
            weight = weights.get(key.partition("/")[2])
            if weight is not None and tuple(weight.shape) == tuple(slot.shape):
                pairs.append((slot, weight))
    return pairs


def slots_at_weights(optimizer: Any) -> list[tuple[Any, Any]]:
    """The slots that begin as copies of their weights, each with its weight."""
    return [
        (slot, weight)
        for inner in innermost(optimizer)
        if type(inner).__name__ == "ScheduleFreeAdamW"
        for slot, weight in zip(inner._momentums, inner._trainable_variables, strict=True)
        if slot is not None
    ]


def innermost(optimizer: Any) -> list[Any]:
    """The optimizers that hold slots: those inside a wrapper, or the optimizer itself."""
    inside = list(_nested(optimizer))
    return [leaf for child in inside for leaf in innermost(child)] if inside else [optimizer]


def is_elementwise(optimizer: Any) -> bool:
    """Whether a masked gradient alone keeps every slot of a masked weight where it began."""
    return all(type(inner).__name__ in ELEMENTWISE for inner in innermost(optimizer))


def _walk(
    optimizer: Any, names: dict[int, str], prefix: str, visited: set[int]
) -> Iterator[tuple[str, Any]]:
    if id(optimizer) in visited:
        return
    visited.add(id(optimizer))
    trained = list(getattr(optimizer, "_trainable_variables", ()))
    for attribute, value in vars(optimizer).items():
        if attribute in ("_variables", "_trainable_variables"):
            continue
        name = attribute.lstrip("_")
        if isinstance(value, keras.Variable):
            yield f"{prefix}{name}", value
        elif isinstance(value, list) and len(value) == len(trained):
            for slot, weight in zip(value, trained, strict=True):
                if isinstance(slot, keras.Variable):
                    yield f"{prefix}{name}/{names.get(id(weight), weight.path)}", slot
    for index, child in enumerate(_nested(optimizer)):
        inner = "inner/" if index == 0 else f"inner_{index}/"
        yield from _walk(child, names, f"{prefix}{inner}", visited)


def _nested(optimizer: Any) -> Iterator[Any]:
    for value in list(vars(optimizer).values()):
        if isinstance(value, keras.optimizers.Optimizer):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, keras.optimizers.Optimizer))
