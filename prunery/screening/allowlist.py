"""What a model's configuration may name: an allow-list, because Keras' own is a deny-list.

`allowlist.json` is committed data, written by `python -m scripts.allowlist` and read
by a person at every Keras upgrade.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("allowlist.json")


@cache
def _data() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(_FILE.read_text())
    return loaded


@cache
def kinds() -> dict[tuple[str, str], str]:
    """(module, class name) to its kind: layer, model, operation, loss, ..."""
    return {
        (module, name): kind
        for kind, modules in _data()["classes"].items()
        for module, names in modules.items()
        for name in names
    }


@cache
def homes(kind: str) -> dict[str, str]:
    """Class name to the module that it is spelled with today, for one kind."""
    return {
        name: module
        for module, names in reversed(list(_data()["classes"][kind].items()))
        for name in names
    }


@cache
def functions(kind: str) -> frozenset[str]:
    """Names of functions: `activation`, `loss` or `metric`."""
    return frozenset(_data()["functions"][kind])


def keras_version() -> str:
    """The Keras that the list was taken from."""
    return str(_data()["keras_version"])
