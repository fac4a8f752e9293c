"""Pydantic's findings in a person's words: where it is wrong, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from prunery.specs.errors import FieldError, pointer_to

# What to write instead, by Pydantic's kind of error; braces take from its context.
_WORDS = {
    "extra_forbidden": "There is no such field.",
    "missing": "Missing here: write a value.",
    "literal_error": "Write {expected}.",
    "float_type": "Write a number.",
    "float_parsing": "Write a number.",
    "int_type": "Write a whole number.",
    "int_parsing": "Write a whole number.",
    "int_from_float": "Write a whole number.",
    "greater_than": "Write a number above {gt}.",
    "greater_than_equal": "Write a number from {ge} on.",
    "finite_number": "Write a finite number.",
    "too_long": "Write no more than {max_length}.",
    "less_than": "Write a number below {lt}.",
    "less_than_equal": "Write a number up to {le}.",
    "dict_type": "Write an object.",
    "model_type": "Write an object.",
    "tuple_type": "Write a list.",
    "truth": "Neither true nor false: write what is wanted.",
    "bool_type": "Write true or false.",
    "bool_parsing": "Write true or false.",
    "string_type": "Write a text.",
}


def field_errors(
    error: ValidationError, given: Any, schema: type[BaseModel] | None = None
) -> tuple[FieldError, ...]:
    """Findings as JSON pointers into `given`, one entry a field.

    schema: what was validated; with it, a misspelt field is told what it may have meant. Where a
    field may be one of several types, Pydantic names each of them behind the field.
    """
    found: dict[str, list[str]] = {}
    for item in error.errors(include_url=False):
        kind, location = item["type"], item["loc"]
        place = _place(location, given, is_missing=kind == "missing")
        message = _WORDS[kind].format(**_whole(item)) if kind in _WORDS else item["msg"]
        if kind == "extra_forbidden" and schema is not None:
            message += _instead(str(location[-1]), _fields(schema, location[:-1]))
        found.setdefault(pointer_to(*place), []).append(message)
    return tuple(
        FieldError(pointer=pointer, message=_one_of(list(dict.fromkeys(messages))))
        for pointer, messages in found.items()
        # Of the types that a field may have, the one that was meant is found wrong further in.
        if not any(other.startswith(f"{pointer}/") for other in found)
    )


def _whole(item: Any) -> dict[str, Any]:
    """An error's context, numbers without a needless point."""
    given = item.get("ctx", {}).items()
    return {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in given}


def _one_of(messages: list[str]) -> str:
    first, *others = messages
    return first + "".join(f" Or {other[0].lower()}{other[1:]}" for other in others)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known words, the likeliest alone where one is alike."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f" Did you mean {close[0]!r}?" if close else f" Write one of {', '.join(names)}."


def _instead(word: str, fields: Iterable[str]) -> str:
    return did_you_mean(word, fields) if fields else ""


def _fields(schema: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The fields of the object at `location`."""
    for part in location:
        field = schema.model_fields.get(str(part))
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        schema = inner
    return list(schema.model_fields)


def _place(location: tuple[int | str, ...], given: Any, *, is_missing: bool) -> list[int | str]:
    """The parts of `location` that lead somewhere in what was given."""
    place: list[int | str] = []
    for part in location:
        try:
            given = given[part]
        except (TypeError, KeyError, IndexError):
            continue
        place.append(part)
    return [*place, location[-1]] if is_missing else place
