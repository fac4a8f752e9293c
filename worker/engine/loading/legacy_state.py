"""Optimizer state that Keras 2 wrote, put into the same optimizer of Keras 3.

.h5      a name each: `Adam/m/dense/kernel:0` (since TensorFlow 2.11), `Adam/dense/kernel/m:0`
         (before, and `optimizers.legacy`), perhaps behind `training/` or `cond_1/`
.keras   no names: the step, then slots in the order in which each optimizer made them

Everything that the optimizer holds must be in the file and fit, or nothing is taken from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.src.legacy.saving import legacy_h5_format

# Under what name a list of slots is kept in a file: the older name last. Lists that one loop over
# the variables made together stand together.
Lists = dict[str, tuple[str, ...]]

_M: Lists = {"_momentums": ("m",)}
_V: Lists = {"_velocities": ("v",)}
_SLOTS: dict[str, tuple[Lists, ...]] = {
    "Adam": (_M | _V, {"_velocity_hats": ("vhat",)}),
    "AdamW": (_M | _V, {"_velocity_hats": ("vhat",)}),
    "Nadam": (_M | _V,),
    "Lion": (_M,),
    "SGD": ({"momentums": ("m", "momentum")},),
    "RMSprop": (
        {"_velocities": ("velocity", "rms")},
        {"_momentums": ("momentum",)},
        {"_average_gradients": ("average_gradient", "mg")},
    ),
    "Adagrad": ({"_accumulators": ("accumulator",)},),
    "Adadelta": (
        {
            "_accumulated_grads": ("accumulated_grad", "accum_grad"),
            "_accumulated_delta_vars": ("accumulated_delta_var", "accum_var"),
        },
    ),
    "Adamax": ({"_m": ("m",), "_u": ("u", "v")},),
    "Ftrl": ({"_accumulators": ("accumulator",), "_linears": ("linear",)},),
}
_AVERAGE: Lists = {"_model_variables_moving_average": ("average",)}
_STEPS = ("iteration", "iter")
# Before TensorFlow 2.11 Nadam followed another schedule, which Keras 3 cannot go on with. Since
# then Keras 2 multiplies its product once a variable, by a fault; here it goes on as was meant.
_OTHER_METHOD = "momentum_cache"

_MOST_STEPS = 1_000_000

AFRESH = "The optimizer's state, which Keras 2 wrote, does not fit and starts afresh."


def from_hdf5(model: keras.Model, opened: Any, notes: list[str]) -> bool:
    """Take the state from a whole-model .h5 file; False, with a note, where it does not fit."""
    group = opened["optimizer_weights"]
    names = legacy_h5_format.load_attributes_from_hdf5_group(group, "weight_names")
    if len(names) < 2:
        return False  # compiled and never trained
    optimizer = _inner(model)
    variables = _variables_by_name(model, opened.get("model_weights", opened))
    found: dict[int, Any] = {}
    step = None
    for name in names:
        parts = name.split(":")[0].split("/")
        if parts[-1] in _STEPS:
            step = group[name]
        elif _OTHER_METHOD in parts:
            step = None
            break
        else:
            for variable in _slot_of(parts, optimizer, variables):
                found[id(variable)] = group[name]
    return _assign(optimizer, step, found, notes)


def from_keras_file(model: keras.Model, opened: Any, notes: list[str]) -> bool:
    """Take the state from the weights of a .keras file that tf-keras wrote."""
    group = opened.get("optimizer/inner_optimizer/vars", opened.get("optimizer/vars"))
    if group is None:  # tf-keras leaves out what `optimizers.legacy` held
        notes.append("The file holds no optimizer state that fits: the optimizer starts afresh.")
        return False
    if len(group) < 2:
        return False  # compiled and never trained
    optimizer = _inner(model)
    order = list(_in_order(optimizer))
    found: dict[int, Any] = {}
    step = group.get("0") if len(group) == 1 + len(order) else None
    if step is not None:
        found = {
            id(variable): group[str(1 + index)]
            for index, variable in enumerate(order)
            if variable is not None
        }
    return _assign(optimizer, step, found, notes)


def _inner(model: keras.Model) -> Any:
    optimizer = model.optimizer
    return getattr(optimizer, "inner_optimizer", optimizer)


def _lists(optimizer: Any) -> Iterator[Lists]:
    """Slots by their lists' attributes, in the order of their making."""
    if optimizer.use_ema:
        yield _AVERAGE
    yield from _SLOTS.get(type(optimizer).__name__, ())


def _slots(optimizer: Any) -> Iterator[Any]:
    """Every slot that the optimizer holds for its variables."""
    for attributes in _lists(optimizer):
        for attribute in attributes:
            yield from getattr(optimizer, attribute, ())


def _in_order(optimizer: Any) -> Iterator[Any]:
    """Slots as tf-keras stored them; None where it kept one that Keras 3 does without."""
    for attributes in _lists(optimizer):
        lists = [getattr(optimizer, attribute, None) for attribute in attributes]
        # SGD kept momentums even where there is no momentum; others make what they use.
        if type(optimizer) is keras.optimizers.SGD and lists == [[]]:
            lists = [[None] * len(optimizer._trainable_variables)]
        for together in zip(*(each or () for each in lists), strict=True):
            yield from together


def _variables_by_name(model: keras.Model, group: Any) -> dict[str, list[Any]]:
    """Variables under the names that Keras 2 gave them, read as its weights are: in order."""
    layers = [layer for layer in model.layers if legacy_h5_format._legacy_weights(layer)]
    stored = [
        names
        for name in legacy_h5_format.load_attributes_from_hdf5_group(group, "layer_names")
        if (names := legacy_h5_format.load_attributes_from_hdf5_group(group[name], "weight_names"))
    ]
    found: dict[str, list[Any]] = {}
    for layer, names in zip(layers, stored, strict=True):
        for name, variable in zip(names, legacy_h5_format._legacy_weights(layer), strict=True):
            found.setdefault(name.split(":")[0], []).append(variable)
    return found


def _slot_of(parts: list[str], optimizer: Any, variables: dict[str, list[Any]]) -> Iterator[Any]:
    """The slot that a file's name means: in `.../slot/variable` or `.../variable/slot`."""
    trained = {id(variable): at for at, variable in enumerate(optimizer._trainable_variables)}
    attributes = {
        name: attribute
        for group in _lists(optimizer)
        for attribute, names in group.items()
        for name in names
    }
    for start in range(len(parts)):
        new = "/".join(parts[start:]), parts[start - 1] if start else ""
        old = "/".join(parts[start:-1]), parts[-1]
        for name, slot in (new, old):
            places = [trained[id(each)] for each in variables.get(name, ()) if id(each) in trained]
            if slot in attributes and places:
                kept = getattr(optimizer, attributes[slot], None) or ()
                # One name for two variables: which of them is meant is not known.
                yield from [kept[places[0]]] if len(places) == 1 and kept else ()
                return


def _assign(optimizer: Any, step: Any, found: dict[int, Any], notes: list[str]) -> bool:
    """Put everything in its place, if there is a value that fits for every slot."""
    slots = list(_slots(optimizer))
    known = type(optimizer).__name__ in _SLOTS
    fit = _counts(step) and all(_fits(found.get(id(slot)), slot.shape) for slot in slots)
    if not (known and fit):
        notes.append(AFRESH)
        return False
    for slot in slots:
        slot.assign(np.asarray(found[id(slot)]))
    optimizer._iterations.assign(int(np.asarray(step)))
    if isinstance(optimizer, keras.optimizers.Nadam):
        optimizer._u_product.assign(_nadam_product(optimizer.beta_1, int(np.asarray(step))))
    return True


def _counts(stored: Any) -> bool:
    """Tell whether it is a number of steps."""
    return _fits(stored, ()) and 0 <= np.asarray(stored).item() < 2**63


def _fits(stored: Any, shape: Any) -> bool:
    """Tell whether it is an array of numbers of that shape; nothing is read for that."""
    kind = getattr(getattr(stored, "dtype", None), "kind", "")
    return kind in tuple("fiu") and tuple(stored.shape) == tuple(shape)


def _nadam_product(beta_1: float, steps: int) -> float:
    """What Nadam has multiplied up by now: Keras 2 did not save it.

    After so many steps it has long been 0, and a file may claim any number of them.
    """
    counted = np.arange(1, min(steps, _MOST_STEPS) + 1)
    return float(np.prod(beta_1 * (1.0 - 0.5 * 0.96**counted)))
