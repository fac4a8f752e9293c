"""JSON with surprises is refused."""

from __future__ import annotations

import pytest

from prunery.screening import strict_json
from prunery.specs.errors import PruneryError


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": 9007199254740993}',
        '{"a": ' + "9" * 5000 + "}",
        "[" * 65 + "]" * 65,
        "[" * 100_000,
        "{",
        b"\xff\xfe",
        "",
    ],
)
def test_surprises_are_refused(text: str | bytes) -> None:
    with pytest.raises(PruneryError) as caught:
        strict_json.parse(text)
    assert caught.value.code == "model_config_invalid"


def test_too_much_is_refused_before_parsing() -> None:
    with pytest.raises(PruneryError, match="larger than"):
        strict_json.parse(b" " * (strict_json.MAX_BYTES + 1))


def test_millions_of_brackets_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(strict_json, "MAX_VALUES", 100)
    assert strict_json.parse(f"[{'[],' * 49}[]]") is not None
    for many in (f"[{'[[]],' * 34}[]]", "[" * 101, b"1," * 101):
        with pytest.raises(PruneryError, match="more than 100 values"):
            strict_json.parse(many)


def test_ordinary_json_is_read() -> None:
    assert strict_json.parse('{"a": [1, 2.5, null, true, "x"]}') == {"a": [1, 2.5, None, True, "x"]}
    assert strict_json.parse("[" * 60 + "]" * 60) is not None


def test_infinity_comes_on_request_and_nan_never() -> None:
    assert strict_json.parse('{"a": -Infinity}', infinity=True) == {"a": float("-inf")}
    with pytest.raises(PruneryError):
        strict_json.parse('{"a": NaN}', infinity=True)
