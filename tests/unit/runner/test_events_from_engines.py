"""What an engine writes is read as events or not at all."""

from __future__ import annotations

import pytest

from prunery.specs.events import WarningEvent
from worker.runner import supervise


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"a\u0000b", "ab"),
        (rb"\u0000\u0000", ""),
        (rb"a\\u0000b", r"a\u0000b"),
        (rb"a\\\u0000b", "a\\b"),
        (rb"\u00e9", "\u00e9"),
    ],
)
def test_the_one_character_that_postgres_refuses_is_left_out(written: bytes, read: str) -> None:
    line = b'{"type": "warning", "code": "x", "message": "' + written + b'"}'
    assert supervise._read(line) == WarningEvent(code="x", message=read)


@pytest.mark.parametrize(
    "line",
    [
        b"Epoch 1/10",
        b"{}",
        b'{"type": "progress"}',
        b'{"type": "progress", "share": NaN}',
        b'{"type": "progress", "share": 0.5, "more": 1}',
        b'{"type": "stage", "stage": "\xff"}',
    ],
)
def test_anything_else_ends_the_engine(line: bytes) -> None:
    with pytest.raises(supervise._NonsenseError):
        supervise._read(line)
