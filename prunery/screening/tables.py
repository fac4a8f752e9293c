"""CSV files, read row by row with every surprise refused: encoding, width, quoting, rags."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from prunery.specs.errors import PruneryError

MAX_FIELD = 64 * 1024
MAX_COLUMNS = 4_096
MAX_CLASSES = 1_000
DELIMITERS = (",", ";", "\t")


class Table(NamedTuple):
    """An open table: its columns, an iterator of (line number, fields), what divides fields."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]
    delimiter: str


def screen(path: Path) -> None:
    """Read the header and the first rows, enough to refuse what is no table."""
    with open_table(path) as table:
        for _, (_line, _fields) in zip(range(100), table.rows, strict=False):
            pass


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Open a table. Rows raise `csv_invalid` where they are ragged or hold a NUL."""
    # newline="" leaves line ends to the csv module, as its documentation asks.
    with path.open(encoding=_encoding(path), newline="", errors="strict") as stream:
        try:
            first = stream.readline(MAX_FIELD * 16)
            delimiter = _delimiter(first)
            stream.seek(0)
            reader = csv.reader(_lines(stream), delimiter=delimiter, strict=True)
            csv.field_size_limit(MAX_FIELD)
            columns = _columns(next(reader, []))
            yield Table(columns, _rows(reader, len(columns)), delimiter)
        except UnicodeDecodeError:
            raise PruneryError("csv_invalid", "The file is neither UTF-8 nor UTF-16.") from None
        except csv.Error as error:
            raise PruneryError("csv_invalid", f"The table cannot be read: {error}.") from None


def _encoding(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _lines(stream: Iterator[str]) -> Iterator[str]:
    for line in stream:
        if "\0" in line:
            raise PruneryError("csv_invalid", "The file holds NUL characters.")
        yield line


def _delimiter(first: str) -> str:
    counts = {mark: first.count(mark) for mark in DELIMITERS}
    return max(counts, key=lambda mark: counts[mark])


def _columns(header: list[str]) -> tuple[str, ...]:
    columns = tuple(name.strip() for name in header)
    if len(columns) < 2:
        raise PruneryError("csv_invalid", "The header row names fewer than two columns.")
    if len(columns) > MAX_COLUMNS:
        raise PruneryError(
            "csv_too_wide", f"There are {len(columns):,} columns; at most {MAX_COLUMNS:,} fit."
        )
    if len(set(columns)) != len(columns) or "" in columns:
        raise PruneryError("csv_invalid", "The header row has a column twice, or without a name.")
    if _is_data(columns):
        raise PruneryError(
            "csv_invalid", "The first row holds numbers: a header row with column names is needed."
        )
    return columns


def _is_data(first: tuple[str, ...]) -> bool:
    """Whether a first row is no header: numbers alone, or with one text, the label.

    Beside one name, numbers that go up or down are names, too: positions, or wavelengths.
    """
    numbers = [number(name) for name in first if _is_number(name)]
    if len(numbers) == len(first):
        return True
    if len(numbers) < len(first) - 1 or len(numbers) < 2:
        return False
    return numbers not in (sorted(numbers), sorted(numbers, reverse=True))


def number(text: str) -> float:
    """A number as tables hold it. Raises ValueError, also for 1_0, which Python takes for ten."""
    if "_" in text:
        raise ValueError("a name, not a number")
    return float(text)


def _is_number(text: str) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True


def _rows(reader: Iterator[list[str]], width: int) -> Iterator[tuple[int, list[str]]]:
    for number, fields in enumerate(reader, start=2):
        if not fields:
            continue
        if len(fields) != width:
            raise PruneryError(
                "csv_invalid", f"Row {number} has {len(fields)} fields, the header has {width}."
            ).at(number)
        yield number, fields
