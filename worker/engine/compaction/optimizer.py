"""Compile state: the same loss, metrics and optimizer, its slots cut with the weights."""

from __future__ import annotations

from typing import Any

import keras

from worker.engine.compaction.slices import Keep, cut_array
from worker.engine.masks import key_of

# Their state couples the entries of a weight, so no part of it is the smaller weight's state.
COUPLED = ("Adafactor", "Muon")


def compile_like(model: keras.Model, smaller: keras.Model, keep: Keep) -> tuple[str, ...]:
    """Compile the smaller model as the given one is; returns what could not be carried over."""
    config = model.get_compile_config() if model.compiled else None
    if config:
        smaller.compile_from_config(config)
    notes = [*not_carried(model)]
    if not config or model.optimizer is None or not model.optimizer.built:
        return tuple(notes)
    if not smaller.optimizer.built:
        smaller.optimizer.build(smaller.trainable_variables)
    _carry(model.optimizer, smaller.optimizer, key_of(model), key_of(smaller), keep, notes)
    return tuple(dict.fromkeys(notes))


def not_carried(model: keras.Model) -> tuple[str, ...]:
    """What no smaller model can take over of the given one's compile state."""
    if not model.compiled:
        return ()
    if not model.get_compile_config():
        return ("The compile configuration cannot be written down, so it was not carried over.",)
    if model.optimizer is None or not model.optimizer.built:
        return ()
    return tuple(
        f"{kind} couples the entries of a weight: its state starts afresh."
        for kind in dict.fromkeys(_kinds(model.optimizer))
        if kind in COUPLED
    )


def _kinds(optimizer: Any) -> list[str]:
    inner = [kind for one in wrapped(optimizer) for kind in _kinds(one)]
    return [*inner, type(optimizer).__name__]


def _carry(
    old: Any,
    new: Any,
    old_keys: dict[int, str],
    new_keys: dict[int, str],
    keep: Keep,
    notes: list[str],
) -> None:
    for inner, its_copy in zip(wrapped(old), wrapped(new), strict=True):
        _carry(inner, its_copy, old_keys, new_keys, keep, notes)
    for name, variable in _scalars(old).items():
        getattr(new, name).assign(variable.value)
    kind = type(old).__name__
    if kind in COUPLED:
        return
    from_slots, to_slots = slots(old, old_keys), slots(new, new_keys)
    for place, slot in to_slots.items():
        source = from_slots.get(place)
        value = None
        if source is not None:
            value = cut_array(source.value.numpy(), keep.get(place[1], {}))
        if value is None or tuple(value.shape) != tuple(slot.shape):
            notes.append(f"{kind} had no state for {place[1]}: it starts afresh.")
        else:
            slot.assign(value)


def wrapped(optimizer: Any) -> list[Any]:
    """The optimizers that one hands its work to: of loss scaling, or of several in one."""
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is not None:
        return [inner]
    return list(optimizer.optimizers) if type(optimizer).__name__ == "MultiOptimizer" else []


def slots(optimizer: Any, keys: dict[int, str]) -> dict[tuple[str, str], Any]:
    """An optimizer's variables of a weight each, by (attribute, key of the weight)."""
    weights = [keys.get(id(variable), "") for variable in optimizer._trainable_variables]
    found: dict[tuple[str, str], Any] = {}
    for name, value in vars(optimizer).items():
        if name in ("_variables", "_trainable_variables") or not isinstance(value, list | tuple):
            continue
        if len(value) != len(weights):
            continue
        for key, one in zip(weights, value, strict=True):
            if key and isinstance(one, keras.Variable):
                found[name, key] = one
    return found


def _scalars(optimizer: Any) -> dict[str, Any]:
    return {
        name: value for name, value in vars(optimizer).items() if isinstance(value, keras.Variable)
    }
