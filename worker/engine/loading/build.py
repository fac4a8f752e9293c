"""Building a checked configuration into a live Keras model, without trusting its sizes."""

from __future__ import annotations

import copy
import math
import re
from functools import cache
from importlib import import_module
from typing import Any

import keras
from keras.src.backend.common import global_state, variables
from keras.src.layers.rnn.conv_lstm import ConvLSTMCell
from keras.src.models.functional import Functional
from keras.src.saving.serialization_lib import ObjectSharingScope

from prunery.screening import allowlist
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits

LIVE_KINDS = ("layer", "model", "operation")


def build(config: dict[str, Any], limits: EngineLimits) -> keras.Model:
    """Build a configuration that passed `prunery.screening.config`.

    Variables stay unallocated until their sum is known to fit: a few bytes of configuration can ask
    for terabytes.
    """
    stateless = without_states(config)
    scope = keras.StatelessScope(initialize_variables=False)
    try:
        with scope, ObjectSharingScope():
            model = _deserialize(stateless)
            _check_types(model)
            _check_sizes(model, limits)
        if stateless == config:
            variables.initialize_all_variables()
        else:  # Keras allocates a recurrent layer's states at once: their size is known by now.
            _forget_unallocated()
            with ObjectSharingScope():
                model = _deserialize(copy.deepcopy(config))
    except PruneryError:
        _forget_unallocated()
        raise
    except Exception as error:  # Keras raises whatever its layers raise on a bad configuration
        _forget_unallocated()
        raise PruneryError(
            "model_cannot_load", f"Keras {keras.__version__} cannot build it: {brief(error)}"
        ) from None
    return model


def _deserialize(config: dict[str, Any]) -> keras.Model:
    return keras.saving.deserialize_keras_object(config, safe_mode=True)


def without_states(value: Any) -> Any:
    """A copy of a configuration in which no recurrent layer keeps its state between batches."""
    if isinstance(value, dict):
        return {
            key: False if key == "stateful" and item is True else without_states(item)
            for key, item in value.items()
        }
    return [without_states(item) for item in value] if isinstance(value, list) else value


def live_operations(model: keras.Model) -> list[keras.Operation]:
    """Every layer and operation of a model, nested ones included, each once."""
    found: dict[int, keras.Operation] = {}
    stack: list[Any] = [model]
    while stack:
        item = stack.pop()
        if id(item) in found:
            continue
        found[id(item)] = item
        stack.extend(getattr(item, "operations", None) or ())
        if isinstance(item, keras.Layer):
            stack.extend(item._flatten_layers(recursive=False, include_self=False))
    return list(found.values())


@cache
def allowed_types() -> frozenset[type]:
    """The classes that the allow-list names, as objects."""
    types = set()
    for (module, name), kind in allowlist.kinds().items():
        if kind in LIVE_KINDS:
            found = vars(import_module(module)).get(name)
            if isinstance(found, type):
                types.add(found)
    types.add(ConvLSTMCell)  # made by its layer; no configuration can name it
    return frozenset(types)


def _check_types(model: Any) -> None:
    if type(model) not in (keras.Sequential, Functional):
        raise PruneryError("model_unsafe_object", "What was built is not a model.")
    for operation in live_operations(model):
        if type(operation) not in allowed_types():
            raise PruneryError(
                "model_unsafe_object",
                f"{operation.name[:80]!r} became a {type(operation).__name__}, "
                "which is not allowed.",
            )


def _check_sizes(model: keras.Model, limits: EngineLimits) -> None:
    if not model.built:
        raise PruneryError(
            "model_cannot_load",
            "The model does not say what shape its input has.",
            hint="Begin it with keras.Input(shape), or call it once before saving.",
        )
    parameters = sum(math.prod(variable.shape) for variable in model.weights)
    if parameters > limits.parameters:
        raise PruneryError(
            "model_too_large",
            f"The model has {parameters:,} parameters; at most {limits.parameters:,} fit.",
        )
    activations = sum(_elements(operation) for operation in live_operations(model))
    if activations > limits.parameters:
        raise PruneryError(
            "model_too_large",
            f"One call fills {activations:,} activations; at most {limits.parameters:,} fit.",
        )


def _elements(operation: keras.Operation) -> int:
    """Numbers in an operation's largest output; free dimensions count as 1, so the batch too."""
    largest = 0
    for node in getattr(operation, "_inbound_nodes", ()):
        for tensor in node.output_tensors:
            shape = tensor.shape or ()
            largest = max(largest, math.prod(size or 1 for size in shape))
    return largest


def _forget_unallocated() -> None:
    """Drop variables that Keras would otherwise allocate at the next opportunity."""
    global_state.set_global_attribute("uninitialized_variables", [])


_PATH = re.compile(r"(?:/[\w.~-]+){2,}")
_REST = re.compile(r"Full object config|config=|Received: filepath", re.DOTALL)


def brief(error: BaseException) -> str:
    """An error's first words, without paths or the object's whole configuration."""
    text = str(error).split("Exception encountered:")[-1]
    text = " ".join(_REST.split(text)[0].split())
    return _PATH.sub("(a path)", text)[:300] or type(error).__name__
