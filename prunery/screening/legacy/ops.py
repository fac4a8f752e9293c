"""TensorFlow functions that Keras 2 recorded as layers (TFOpLambda), as operations of keras.ops.

Only functions that compute the same in both are translated; the rest is left for the checker to
refuse by name.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from prunery.screening.legacy import functions

CLASSES = ("TFOpLambda", "SlicingOpLambda")
_CONSTANT = "_CONSTANT_VALUE"


class Call(NamedTuple):
    """One call as it was recorded: the first argument (perhaps a list of tensors), the rest."""

    first: Any
    rest: dict[str, Any]


def operation(config: dict[str, Any], nodes: Any) -> tuple[dict[str, Any], list[list[Any]]] | None:
    """The operation, and the arguments of each of its calls; None where it is not known.

    Arguments may hold references to tensors, as Keras 2 writes them.
    """
    function = config.get("function")
    if not isinstance(function, str) or not isinstance(nodes, list) or not nodes:
        return None
    made, arguments = None, []
    for call in map(_call, nodes):
        found = None if call is None else functions.find(function, call.rest)
        if call is None or found is None or made not in (None, found[:3]):
            return None
        made = found[:3]
        arguments.append([call.first, *found.arguments])
    if made is None:
        return None
    module, name, settings = made
    described = {
        "module": module,
        "class_name": name,
        "config": dict(settings),
        "registered_name": name,
    }
    return described, arguments


def _call(node: Any) -> Call | None:
    if not isinstance(node, list) or not node:
        return None
    if all(_is_input(end) for end in node):  # tf.concat and its like take a list of tensors
        return Call([end[:3] for end in node], _named(node[0][3]))
    if not _is_input(node):
        return None
    return Call(node[2] if node[0] == _CONSTANT else node[:3], _named(node[3]))


def _is_input(end: Any) -> bool:
    return isinstance(end, list) and len(end) == 4 and isinstance(end[3], dict)


def _named(rest: dict[str, Any]) -> dict[str, Any]:
    """Other arguments than a scope's name."""
    return {key: value for key, value in rest.items() if key != "name"}


def is_shape(layer: dict[str, Any]) -> bool:
    """Tell whether a layer only feeds a tensor's sizes to others: `tf.shape(x)`, and `[0]` of it.

    A reshape by them needs none: see `functions`.
    """
    return layer["class_name"] in CLASSES and layer["config"].get("function") in (
        "shape",
        "compat.v1.shape",
        "__operators__.getitem",
    )
