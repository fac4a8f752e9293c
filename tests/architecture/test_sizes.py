"""A file has one subject: most are a screen or two long, and a long one gives its reason here."""

from __future__ import annotations

import statistics
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("prunery", "app", "worker")

# Path: why it is one subject although it is over 300 lines.
LONG: dict[str, str] = {}
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}


def _lengths() -> dict[str, int]:
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in files
    }


def test_no_file_is_over_500_lines() -> None:
    assert [path for path, lines in _lengths().items() if lines > 500] == []


def test_files_over_300_lines_give_a_reason() -> None:
    long = {path for path, lines in _lengths().items() if lines > 300}
    assert long <= set(LONG)


def test_the_median_file_is_at_most_120_lines() -> None:
    assert statistics.median(lines for lines in _lengths().values() if lines > 5) <= 120


def test_no_file_is_named_after_nothing() -> None:
    assert [path for path in _lengths() if Path(path).name in FORBIDDEN_NAMES] == []
