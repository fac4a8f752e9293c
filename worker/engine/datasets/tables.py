"""CSV files: numeric features as a matrix on disk, read row by row, and one column of labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from prunery.screening import tables as screening
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import FieldError, PruneryError
from worker.engine.datasets.raw import Source

LABEL_NAMES = ("label", "labels", "class", "target", "y", "category", "outcome")
ROWS = 4_096
MAX_LABEL = 200
_SAMPLE = 1_000
_TWO_WAYS = re.compile(r"[+-]?\d{1,3},\d{3}")


def read(path: Path, options: DatasetOptions, folder: Path) -> Source:
    """Read a table. Raises `csv_*` errors that name row and column."""
    with screening.open_table(path) as table:
        columns = table.columns
    label = _label_column(path, columns, options)
    features = _feature_columns(columns, label, options)
    matrix = folder / "features.f8"
    labels: list[str] = []
    with screening.open_table(path) as table, matrix.open("wb") as out:
        at = [columns.index(name) for name in features]
        label_at = columns.index(label)
        for numbers, rows in _blocks(table.rows):
            chosen = [[row[i] for i in at] for row in rows]
            block = _numbers(numbers, chosen, features, table.delimiter)
            out.write(block.tobytes())
            labels.extend(
                _label(number, row[label_at]) for number, row in zip(numbers, rows, strict=True)
            )
    if not labels:
        raise PruneryError("csv_invalid", "The table has a header row and nothing below it.")
    x = np.memmap(matrix, np.float64, "r", shape=(len(labels), len(features)))
    source = Source("csv", {"x": x, "y": _as_array(labels)}, columns=tuple(features))
    source.notes.append(f"The label column is {label!r}.")
    return source


def _blocks(
    rows: Iterator[tuple[int, list[str]]],
) -> Iterator[tuple[list[int], list[list[str]]]]:
    numbers: list[int] = []
    block: list[list[str]] = []
    for number, row in rows:
        numbers.append(number)
        block.append(row)
        if len(block) == ROWS:
            yield numbers, block
            numbers, block = [], []
    if block:
        yield numbers, block


def _numbers(
    numbers: list[int], rows: list[list[str]], features: list[str], delimiter: str
) -> np.ndarray:
    block = _at_once(rows)
    if block is None:
        block = _slowly(numbers, rows, features, delimiter)
    wrong = ~np.isfinite(block)
    if wrong.any():
        row, column = (int(axis[0]) for axis in np.nonzero(wrong))
        raise _bad_cell(numbers[row], features[column], rows[row][column])
    return block


def _at_once(rows: list[list[str]]) -> np.ndarray | None:
    """All cells, where each is plainly a number; NumPy, too, would take 1_0 for ten."""
    if any("_" in "".join(row) for row in rows):
        return None
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError:
        return None


def _slowly(
    numbers: list[int], rows: list[list[str]], features: list[str], delimiter: str
) -> np.ndarray:
    """Cell by cell: decimal commas are read, the first cell that is no number is named.

    Among fields divided by commas, "1,000" is a thousand to some and one to others.
    """
    block = np.empty((len(rows), len(features)))
    for i, row in enumerate(rows):
        for j, text in enumerate(row):
            if delimiter == "," and _TWO_WAYS.fullmatch(text.strip()):
                raise PruneryError(
                    "csv_invalid",
                    f"Row {numbers[i]}, column {features[j][:80]!r} holds {text.strip()!r}, which "
                    "can be read in two ways.",
                    hint="Write numbers without thousands separators, and decimals with a point.",
                ).at(numbers[i], features[j])
            try:
                block[i, j] = _number(text)
            except ValueError:
                raise _bad_cell(numbers[i], features[j], text) from None
    return block


def _number(text: str) -> float:
    text = text.strip()
    words = {"true": 1.0, "false": 0.0}
    if text.lower() in words:
        return words[text.lower()]
    if "," in text and "." not in text:
        text = text.replace(",", ".")
    return screening.number(text)


def _bad_cell(row: int, column: str, text: str) -> PruneryError:
    found = "is blank" if not text.strip() else f"holds {text.strip()[:40]!r}, not a number"
    return PruneryError(
        "csv_invalid",
        f"Row {row}, column {column[:80]!r} {found}.",
        hint="Features must be numbers without gaps: fill or drop such rows, turn categories into "
        "columns of 0 and 1, or name the columns to use in feature_columns.",
    ).at(row, column)


def _label(row: int, text: str) -> str:
    text = text.strip()
    if not text:
        hint = "Drop rows without a label, or name another column in label_column."
        raise PruneryError("csv_invalid", f"Row {row} has no label.", hint=hint).at(row)
    if len(text) > MAX_LABEL:
        detail = f"The label of row {row} is longer than {MAX_LABEL}."
        raise PruneryError("csv_invalid", detail).at(row)
    return text


def _as_array(labels: list[str]) -> np.ndarray:
    try:
        values = np.array([_number(text) for text in labels])
    except ValueError:
        names = np.array(labels)
        count = len(np.unique(names))
        if count > screening.MAX_CLASSES:
            raise PruneryError(
                "csv_too_wide",
                f"The label column holds {count:,} different texts; "
                f"at most {screening.MAX_CLASSES:,} classes fit.",
            ) from None
        return names
    if not np.isfinite(values).all():
        row = int(np.nonzero(~np.isfinite(values))[0][0])
        raise PruneryError("csv_invalid", f"The label of example {row} is no finite number.")
    if np.all(values == np.rint(values)) and np.abs(values).max() < 2**53:
        return values.astype(np.int64)
    return values


def _label_column(path: Path, columns: tuple[str, ...], options: DatasetOptions) -> str:
    """The column of labels: as told, or the only one that can be it."""
    if options.label_column is not None:
        if options.label_column not in columns:
            raise _no_column("label_column", options.label_column, columns)
        return options.label_column
    texts = _text_columns(path, columns)
    chosen = options.feature_columns or ()
    left = [name for name in columns if name not in chosen]
    if chosen and len(left) == 1:
        return left[0]
    named = [name for name in left if name.lower() in LABEL_NAMES]
    candidates = [name for name in left if name in texts]
    if len(named) == 1 and (not candidates or named[0] in candidates):
        return named[0]
    if len(candidates) == 1 and not named:
        return candidates[0]
    likely = candidates or named or [columns[-1]]
    raise PruneryError(
        "csv_label_ambiguous",
        f"It is not clear which column holds the labels; perhaps {', '.join(likely)[:200]!r}.",
        errors=[
            FieldError(
                pointer="/label_column",
                message=f"one of: {', '.join(columns)[:500]}",
            )
        ],
    )


def _text_columns(path: Path, columns: tuple[str, ...]) -> set[str]:
    """Columns that hold something else than numbers, judged by the first rows."""
    texts: set[str] = set()
    with screening.open_table(path) as table:
        for _, (_number_of, row) in zip(range(_SAMPLE), table.rows, strict=False):
            for name, cell in zip(columns, row, strict=True):
                try:
                    _number(cell or "0")
                except ValueError:
                    texts.add(name)
    return texts


def _feature_columns(columns: tuple[str, ...], label: str, options: DatasetOptions) -> list[str]:
    if options.feature_columns is None:
        return [name for name in columns if name != label]
    for name in options.feature_columns:
        if name not in columns or name == label:
            raise _no_column("feature_columns", name, columns)
    if not options.feature_columns or len(set(options.feature_columns)) < len(
        options.feature_columns
    ):
        raise PruneryError("csv_invalid", "feature_columns is empty, or names a column twice.")
    return list(options.feature_columns)


def _no_column(field: str, name: str, columns: tuple[str, ...]) -> PruneryError:
    message = f"no such column; there are: {', '.join(columns)[:500]}"
    return PruneryError(
        "csv_invalid",
        f"{field} names {name[:80]!r}, which is no column of features in the table.",
        hint="Names are written as in the table's first row.",
        errors=[FieldError(pointer=f"/{field}", message=message)],
    )
