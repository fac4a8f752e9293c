"""TensorFlow functions that Keras 2 recorded as layers (TFOpLambda), as operations of keras.ops.

Only functions that compute the same in both are translated; the rest is left for the checker to
refuse by name.
"""

from __future__ import annotations

from typing import Any

_NUMPY, _NN, _CORE = "keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.core"

# Of two tensors, or of a tensor and a number.
_BINARY = {
    "Add": ("__operators__.add", "math.add", "add"),
    "Subtract": ("math.subtract", "subtract", "__operators__.sub"),
    "Multiply": ("math.multiply", "multiply", "__operators__.mul"),
    "TrueDivide": ("math.truediv", "math.divide", "divide", "truediv", "__operators__.truediv"),
    "Maximum": ("math.maximum", "maximum"),
    "Minimum": ("math.minimum", "minimum"),
    "Power": ("math.pow", "pow"),
}
_UNARY = {
    (_NN, "Relu"): ("nn.relu",),
    (_NN, "Relu6"): ("nn.relu6",),
    (_NN, "Sigmoid"): ("nn.sigmoid", "math.sigmoid", "sigmoid"),
    (_NN, "Silu"): ("nn.silu", "nn.swish"),
    (_NN, "Elu"): ("nn.elu",),
    (_NN, "Selu"): ("nn.selu",),
    (_NN, "Softplus"): ("nn.softplus", "math.softplus"),
    (_NUMPY, "Tanh"): ("nn.tanh", "math.tanh", "tanh"),
    (_NUMPY, "Exp"): ("math.exp", "exp"),
    (_NUMPY, "Log"): ("math.log",),
    (_NUMPY, "Sqrt"): ("math.sqrt", "sqrt"),
    (_NUMPY, "Square"): ("math.square", "square"),
    (_NUMPY, "Absolute"): ("math.abs", "abs"),
    (_NUMPY, "Negative"): ("math.negative", "negative"),
}
_REDUCING = {
    "Mean": ("math.reduce_mean", "reduce_mean"),
    "Sum": ("math.reduce_sum", "reduce_sum"),
    "Max": ("math.reduce_max", "reduce_max"),
    "Min": ("math.reduce_min", "reduce_min"),
}
_CONSTANT = "_CONSTANT_VALUE"


def operation(config: dict[str, Any], nodes: Any) -> tuple[dict[str, Any], list[list[Any]]] | None:
    """The operation, and the arguments of each of its calls; None where it is not known.

    Arguments may hold references to tensors, as Keras 2 writes them.
    """
    function = config.get("function")
    if not isinstance(function, str) or not isinstance(nodes, list) or not nodes:
        return None
    calls = [_arguments(node) for node in nodes]
    if any(call is None for call in calls):
        return None
    known = [call for call in calls if call is not None]
    made = _operation(function, known[0][1])
    if made is None:
        return None
    module, name, settings, positional = made
    described = {
        "module": module,
        "class_name": name,
        "config": settings,
        "registered_name": name,
    }
    arguments = []
    for first, rest in known:
        if any(key not in rest for key in positional):
            return None
        arguments.append([first, *(rest[key] for key in positional)])
    return described, arguments


def _arguments(node: Any) -> tuple[Any, dict[str, Any]] | None:
    """A call's first argument and the others by name."""
    if not isinstance(node, list) or len(node) != 4 or not isinstance(node[3], dict):
        return None
    first = node[2] if node[0] == _CONSTANT else node[:3]
    return first, {key: value for key, value in node[3].items() if key != "name"}


def _operation(
    function: str, rest: dict[str, Any]
) -> tuple[str, str, dict[str, Any], tuple[str, ...]] | None:
    """Module, class, settings, and which of the other arguments are arguments of the call."""
    for name, functions in _BINARY.items():
        if function in functions and set(rest) <= {"y"}:
            return _NUMPY, name, {}, ("y",)
    for (module, name), functions in _UNARY.items():
        if function in functions and not rest:
            return module, name, {}, ()
    for name, functions in _REDUCING.items():
        if function in functions and set(rest) <= {"axis", "keepdims"}:
            settings = {"axis": rest.get("axis"), "keepdims": bool(rest.get("keepdims"))}
            return _NUMPY, name, settings, ()
    return _shaping(function, rest)


def _shaping(
    function: str, rest: dict[str, Any]
) -> tuple[str, str, dict[str, Any], tuple[str, ...]] | None:
    only = set(rest)
    if function == "reshape" and only == {"shape"} and _whole(rest["shape"]):
        return _NUMPY, "Reshape", {"newshape": rest["shape"]}, ()
    if function in ("transpose", "compat.v1.transpose") and only == {"perm"}:
        return _NUMPY, "Transpose", {"axes": rest["perm"]}, ()
    if function in ("expand_dims", "squeeze") and only == {"axis"}:
        name = "ExpandDims" if function == "expand_dims" else "Squeeze"
        return _NUMPY, name, {"axis": rest["axis"]}, ()
    if function in ("nn.softmax", "math.softmax") and only <= {"axis"}:
        return _NN, "Softmax", {"axis": rest.get("axis", -1)}, ()
    if function == "nn.gelu" and only <= {"approximate"}:
        return _NN, "Gelu", {"approximate": bool(rest.get("approximate"))}, ()
    if function == "cast" and only == {"dtype"} and isinstance(rest["dtype"], str):
        return _CORE, "Cast", {"dtype": rest["dtype"]}, ()
    flags = {key: rest[key] for key in rest if key != "b"}
    if function in ("linalg.matmul", "matmul") and "b" in rest and not any(flags.values()):
        return _NUMPY, "Matmul", {}, ("b",)
    return None


def _whole(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(size, int) for size in value)
