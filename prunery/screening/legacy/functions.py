"""Which operation of keras.ops computes what a function of TensorFlow computed.

A name and its other arguments by name (`axis`, `y`, ...) in; None where the answer is not sure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Any, NamedTuple

_NUMPY, _NN, _CORE, _MATH, _IMAGE = (
    f"keras.src.ops.{name}" for name in ("numpy", "nn", "core", "math", "image")
)


class Found(NamedTuple):
    """A class, its settings, and the arguments of its call after the first."""

    module: str
    name: str
    settings: dict[str, Any]
    arguments: tuple[Any, ...] = ()


# Of two tensors, or of a tensor and a number.
BINARY = {
    "Add": ("__operators__.add", "math.add", "add"),
    "Subtract": ("math.subtract", "subtract", "__operators__.sub"),
    "Multiply": ("math.multiply", "multiply", "__operators__.mul"),
    "TrueDivide": ("math.truediv", "math.divide", "divide", "truediv", "__operators__.truediv"),
    "DivideNoNan": ("math.divide_no_nan",),
    "Maximum": ("math.maximum", "maximum"),
    "Minimum": ("math.minimum", "minimum"),
    "Power": ("math.pow", "pow"),
    "Greater": ("math.greater", "greater", "__operators__.gt"),
    "GreaterEqual": ("math.greater_equal", "greater_equal", "__operators__.ge"),
    "Less": ("math.less", "less", "__operators__.lt"),
    "LessEqual": ("math.less_equal", "less_equal", "__operators__.le"),
    "Equal": ("math.equal", "equal", "__operators__.eq"),
    "NotEqual": ("math.not_equal", "not_equal", "__operators__.ne"),
}
UNARY = {
    (_NN, "Relu"): ("nn.relu",),
    (_NN, "Relu6"): ("nn.relu6",),
    (_NN, "Sigmoid"): ("nn.sigmoid", "math.sigmoid", "sigmoid"),
    (_NN, "Silu"): ("nn.silu", "nn.swish"),
    (_NN, "Elu"): ("nn.elu",),
    (_NN, "Selu"): ("nn.selu",),
    (_NN, "Softplus"): ("nn.softplus", "math.softplus"),
    (_NN, "Softsign"): ("nn.softsign", "math.softsign"),
    (_NN, "LogSigmoid"): ("math.log_sigmoid",),
    (_MATH, "Rsqrt"): ("math.rsqrt",),
    (_MATH, "Erf"): ("math.erf",),
    (_NUMPY, "Tanh"): ("nn.tanh", "math.tanh", "tanh"),
    (_NUMPY, "Exp"): ("math.exp", "exp"),
    (_NUMPY, "Log"): ("math.log",),
    (_NUMPY, "Log1p"): ("math.log1p",),
    (_NUMPY, "Sqrt"): ("math.sqrt", "sqrt"),
    (_NUMPY, "Square"): ("math.square", "square"),
    (_NUMPY, "Absolute"): ("math.abs", "abs"),
    (_NUMPY, "Negative"): ("math.negative", "negative", "__operators__.neg"),
    (_NUMPY, "Reciprocal"): ("math.reciprocal",),
    (_NUMPY, "Sign"): ("math.sign", "sign"),
    (_NUMPY, "Sin"): ("math.sin", "sin"),
    (_NUMPY, "Cos"): ("math.cos", "cos"),
    (_CORE, "StopGradient"): ("stop_gradient",),
}
REDUCING = {
    "Mean": ("math.reduce_mean", "reduce_mean"),
    "Sum": ("math.reduce_sum", "reduce_sum"),
    "Max": ("math.reduce_max", "reduce_max"),
    "Min": ("math.reduce_min", "reduce_min"),
    "Prod": ("math.reduce_prod", "reduce_prod"),
}


def find(function: str, rest: dict[str, Any]) -> Found | None:
    """The operation of one call; None where it is not known to be the same."""
    for name, functions in BINARY.items():
        if function in functions and set(rest) == {"y"}:
            return Found(_NUMPY, name, {}, (rest["y"],))
    for (module, name), functions in UNARY.items():
        if function in functions and not rest:
            return Found(module, name, {})
    for name, functions in REDUCING.items():
        if function in functions and set(rest) <= {"axis", "keepdims"}:
            settings = {"axis": rest.get("axis"), "keepdims": bool(rest.get("keepdims"))}
            return Found(_NUMPY, name, settings)
    make = _OTHERS.get(_OLD.get(function, function))
    try:
        return None if make is None else make(**rest)
    except (TypeError, ValueError, KeyError, AttributeError):  # called otherwise than known here
        return None


def _reshape(shape: Any) -> Found | None:
    """A size that comes from a tensor is the one that the other sizes leave."""
    if not isinstance(shape, list):
        return None
    sizes = [size if isinstance(size, int) else -1 for size in shape]
    return Found(_NUMPY, "Reshape", {"newshape": sizes}) if sizes.count(-1) <= 1 else None


def _transpose(perm: Any = None, conjugate: Any = False) -> Found | None:
    return None if conjugate else Found(_NUMPY, "Transpose", {"axes": perm})


def _matmul(b: Any, transpose_a: Any = False, transpose_b: Any = False) -> Found:
    if not transpose_a and not transpose_b:
        return Found(_NUMPY, "Matmul", {}, (b,))
    left, right = "ji" if transpose_a else "ij", "kj" if transpose_b else "jk"
    return Found(_NUMPY, "Einsum", {"subscripts": f"...{left},...{right}->...ik"}, (b,))


def _split(num_or_size_splits: Any, axis: Any = 0) -> Found | None:
    parts = num_or_size_splits
    if isinstance(parts, list):  # sizes in TensorFlow, the places of the cuts in Keras
        if not all(isinstance(size, int) and size > 0 for size in parts):
            return None
        parts = list(accumulate(parts))[:-1]
    return Found(_NUMPY, "Split", {"indices_or_sections": parts, "axis": axis})


def _l2_normalize(axis: Any = None, epsilon: float = 1e-12) -> Found | None:
    if axis is None:
        return None
    # TensorFlow bounds the squares' sum, Keras the norm.
    settings = {"axis": _single(axis), "order": 2, "epsilon": math.sqrt(epsilon)}
    return Found(_NN, "Normalize", settings)


def _pad(paddings: Any, mode: Any = "CONSTANT", constant_values: Any = 0) -> Found | None:
    if constant_values != 0 or not isinstance(mode, str):
        return None
    return Found(_NUMPY, "Pad", {"pad_width": paddings, "mode": mode.lower()})


def _bias_add(bias: Any, data_format: Any = None) -> Found | None:
    if data_format not in (None, "NHWC"):
        return None
    if isinstance(bias, list) and all(isinstance(number, int | float) for number in bias):
        config = {"value": bias, "dtype": "float32"}
        bias = {"class_name": "__numpy__", "config": config}
    return Found(_NUMPY, "Add", {}, (bias,))


def _resize(size: Any, method: Any = "bilinear", antialias: Any = False) -> Found | None:
    if method not in ("bilinear", "nearest", "bicubic"):
        return None
    settings = {"size": size, "interpolation": method, "antialias": bool(antialias)}
    return Found(_IMAGE, "Resize", {**settings, "data_format": "channels_last"})


def _pool(name: str) -> Callable[..., Found | None]:
    def make(ksize: Any, strides: Any, padding: Any, data_format: Any = "NHWC") -> Found | None:
        if data_format != "NHWC" or padding not in ("VALID", "SAME"):
            return None
        settings = {"pool_size": ksize, "strides": strides, "padding": padding.lower()}
        return Found(_NN, name, {**settings, "data_format": "channels_last"})

    return make


def _slices(slice_spec: Any) -> Found | None:
    """`x[:, 1:, ..., None]`; a slice by tensors is not known."""
    if not isinstance(slice_spec, list):
        return None
    parts = [_part(part) for part in slice_spec]
    return None if "unknown" in parts else Found(_NUMPY, "GetItem", {}, (parts,))


def _part(part: Any) -> Any:
    if part is None or isinstance(part, int):
        return part
    if not isinstance(part, dict):
        return "unknown"
    if part.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    limits = part["config"] if part.get("class_name") == "__slice__" else part
    known = {"start", "stop", "step"} == set(limits)
    if not known or not all(size is None or isinstance(size, int) for size in limits.values()):
        return "unknown"
    return {"class_name": "__slice__", "config": limits}


def _single(axis: Any) -> Any:
    return axis[0] if isinstance(axis, list) and len(axis) == 1 else axis


def _setting(module: str, name: str, **renamed: str) -> Callable[..., Found]:
    """A class whose settings are the function's arguments, under other names."""

    def make(**rest: Any) -> Found:
        if not set(rest) <= set(renamed):
            raise TypeError
        settings = {renamed[key]: _single(value) for key, value in rest.items()}
        return Found(module, name, settings)

    return make


_OLD = {f"compat.v1.{name}": name for name in ("transpose", "squeeze", "pad")}
_OTHERS: dict[str, Callable[..., Found | None]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "expand_dims": _setting(_NUMPY, "ExpandDims", axis="axis"),
    "squeeze": _setting(_NUMPY, "Squeeze", axis="axis"),
    "concat": _setting(_NUMPY, "Concatenate", axis="axis"),
    "stack": lambda axis=0: Found(_NUMPY, "Stack", {"axis": axis}),
    "split": _split,
    "tile": lambda multiples: Found(_NUMPY, "Tile", {"repeats": multiples}),
    "reverse": lambda axis: Found(_NUMPY, "Flip", {"axis": axis}),
    "pad": _pad,
    "where": lambda x, y: Found(_NUMPY, "Where", {}, (x, y)),
    "clip_by_value": _setting(_NUMPY, "Clip", clip_value_min="x_min", clip_value_max="x_max"),
    "linalg.matmul": _matmul,
    "matmul": _matmul,
    "math.add_n": lambda: Found("keras.layers", "Add", {}),
    "math.l2_normalize": _l2_normalize,
    "linalg.l2_normalize": _l2_normalize,
    "nn.l2_normalize": _l2_normalize,
    "nn.softmax": lambda axis=-1: Found(_NN, "Softmax", {"axis": axis}),
    "math.softmax": lambda axis=-1: Found(_NN, "Softmax", {"axis": axis}),
    "nn.log_softmax": lambda axis=-1: Found(_NN, "LogSoftmax", {"axis": axis}),
    "nn.gelu": lambda approximate=False: Found(_NN, "Gelu", {"approximate": bool(approximate)}),
    "nn.leaky_relu": lambda alpha=0.2: Found(_NN, "LeakyRelu", {"negative_slope": alpha}),
    "nn.bias_add": _bias_add,
    "nn.avg_pool2d": _pool("AveragePool"),
    "nn.max_pool2d": _pool("MaxPool"),
    "nn.depth_to_space": _setting(_NN, "DepthToSpace", block_size="block_size"),
    "nn.space_to_depth": _setting(_NN, "SpaceToDepth", block_size="block_size"),
    "image.resize": _resize,
    "cast": lambda dtype: Found(_CORE, "Cast", {"dtype": dtype}) if _text(dtype) else None,
    "__operators__.getitem": _slices,
}


def _text(value: Any) -> bool:
    return isinstance(value, str)
