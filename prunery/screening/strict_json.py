"""JSON as strictly as RFC 8259 allows: no duplicate keys, NaN, huge integers or deep nesting.

Infinity is the one exception, on request: Keras writes it where a model pads before max pooling.
"""

from __future__ import annotations

import json
import math
from typing import Any

from prunery.specs.errors import PruneryError

MAX_BYTES = 20 * 1024 * 1024
MAX_DEPTH = 64
# Every one is looked at several times, and no other thread runs meanwhile. A layer has 60 to 80.
MAX_VALUES = 1_000_000
MAX_INTEGER = 2**53


class _RefusedError(ValueError):
    """Raised inside the parser's hooks; its message is for the person who uploaded."""


def parse(
    text: bytes | str,
    *,
    code: str = "model_config_invalid",
    what: str = "The JSON",
    infinity: bool = False,
) -> Any:
    """Return the parsed document. Raises `code` for anything unusual."""
    if len(text) > MAX_BYTES:
        raise PruneryError(code, f"{what} is larger than {MAX_BYTES // 1024**2} MB.")
    # Each value stands behind a comma or first in its list or object: counted in an instant.
    raw = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if sum(map(raw.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise PruneryError(code, f"{what} holds more than {MAX_VALUES:,} values.")
    try:
        document = json.loads(
            text.decode("utf-8") if isinstance(text, bytes) else text,
            object_pairs_hook=_unique,
            parse_constant=_infinity if infinity else _constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except _RefusedError as error:
        raise PruneryError(code, f"{what} {error}.") from None
    except (ValueError, RecursionError):
        raise PruneryError(code, f"{what} is not valid JSON.") from None
    _check_depth(document, code, what)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedError("has a key twice in one object")
    return found


def _constant(name: str) -> Any:
    raise _RefusedError(f"holds {name}, which is not a number")


def _infinity(name: str) -> Any:
    return _constant(name) if name == "NaN" else float(name)


def _integer(digits: str) -> int:
    # Measured by length first: turning a million digits into a number takes minutes.
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise _RefusedError("holds an integer beyond 2^53")
    return int(digits)


def _float(digits: str) -> float:
    found = float(digits)
    if not math.isfinite(found):
        raise _RefusedError("holds a number beyond the largest there is")
    return found


def _check_depth(document: Any, code: str, what: str) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise PruneryError(code, f"{what} is nested deeper than {MAX_DEPTH} levels.")
