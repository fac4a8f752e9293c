"""Values that Keras wraps in a configuration: tensors of a call, slices, numbers as arrays."""

from __future__ import annotations

from typing import Any

from prunery.specs.errors import PruneryError

_NAMES = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"})
_DTYPES = frozenset(
    {"bool", "float16", "bfloat16", "float32", "float64"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
MAX_VALUES = 1_000_000


def is_constant(value: dict[str, Any]) -> bool:
    """Tell whether a configuration object is a plain value."""
    name = value.get("class_name")
    return isinstance(name, str) and name in _NAMES


def check(value: dict[str, Any]) -> None:
    """Raise unless the value is what its name says, and nothing else."""
    name, config = value["class_name"], value.get("config")
    if name == "__ellipsis__":
        return
    if not isinstance(config, dict) or not _CHECKS[name](config):
        raise PruneryError("model_config_invalid", f"A value {name} is not well formed.")


def _tensor(config: dict[str, Any]) -> bool:
    history = config.get("keras_history")
    return (
        set(config) == {"shape", "dtype", "keras_history"}
        and isinstance(config["dtype"], str)
        and config["dtype"] in _DTYPES | {"string"}
        and _numbers(config["shape"], optional=True)
        and isinstance(history, list)
        and len(history) == 3
        and isinstance(history[0], str)
        and all(isinstance(index, int) for index in history[1:])
    )


def _array(config: dict[str, Any]) -> bool:
    return (
        set(config) == {"value", "dtype"}
        and isinstance(config["dtype"], str)
        and config["dtype"] in _DTYPES
        and _numbers(config["value"])
    )


def _slice(config: dict[str, Any]) -> bool:
    return set(config) == {"start", "stop", "step"} and all(
        part is None
        or isinstance(part, int)
        or (isinstance(part, dict) and is_constant(part) and _constant_inside(part))
        for part in config.values()
    )


def _constant_inside(value: dict[str, Any]) -> bool:
    name, config = value["class_name"], value.get("config")
    return name in ("__tensor__", "__numpy__", "__keras_tensor__") and (
        isinstance(config, dict) and _CHECKS[name](config)
    )


_CHECKS = {
    "__keras_tensor__": _tensor,
    "__tensor__": _array,
    "__numpy__": _array,
    "__slice__": _slice,
}


def _numbers(value: Any, *, optional: bool = False) -> bool:
    stack, count = [value], 0
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
            count += len(item)
        elif not (isinstance(item, int | float) or (optional and item is None)):
            return False
        if count > MAX_VALUES:
            return False
    return True
