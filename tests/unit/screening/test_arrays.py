"""Headers of .npy files: nothing is allocated that was not there."""

from __future__ import annotations

import io

import numpy as np
import pytest

from prunery.screening.arrays import read_header
from prunery.specs.errors import PruneryError
from tests.unit.screening.builders import npy, npy_raw


def _code(raw: bytes) -> str:
    with pytest.raises(PruneryError) as caught:
        read_header(io.BytesIO(raw), "x", len(raw))
    return caught.value.code


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 4), np.float32),
        np.zeros((3, 4), np.uint8, order="F"),
        np.array(["a", "bcd"]),
        np.zeros((0, 4)),
        np.array(7),
        np.zeros(3, bool),
        np.zeros((2, 2), ">i8"),
    ],
)
def test_what_numpy_writes_is_read(array: np.ndarray) -> None:
    out = io.BytesIO()
    np.save(out, array)
    header = read_header(io.BytesIO(out.getvalue()), "x", len(out.getvalue()))
    assert header.shape == array.shape
    assert np.dtype(header.dtype) == array.dtype
    assert header.fortran == (array.flags.f_contiguous and not array.flags.c_contiguous)


def test_python_objects_are_refused() -> None:
    out = io.BytesIO()
    np.save(out, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    assert _code(out.getvalue()) == "dataset_pickled"


@pytest.mark.parametrize(
    "descr", ["|O", "|O8", "<c8", "<M8[ns]", "|S4", "|V8", "<f3", "<U0", "<x4"]
)
def test_types_that_are_no_numbers_are_refused(descr: str) -> None:
    assert _code(npy(descr, (2,), bytes(16))) in ("dataset_pickled", "dataset_dtype_unsupported")


def test_records_and_wide_items_are_refused() -> None:
    assert _code(npy([("a", "<f4")], (2,), bytes(8))) == "dataset_dtype_unsupported"
    assert _code(npy("<U300", (1,), bytes(1200))) == "dataset_dtype_unsupported"


@pytest.mark.parametrize("shape", [(10**15,), (2**40, 2**40), (3,), (1, 1, 1)])
def test_a_shape_that_the_data_do_not_fill_is_refused(shape: tuple[int, ...]) -> None:
    assert _code(npy("<f4", shape, bytes(8))) == "dataset_invalid"


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': [2]}",
        b"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
        b"{'descr': '<f4', 'shape': (2,)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        b"__import__('os').system('x')",
        b"(" * 3000,
        b"{" * 9000,
        b"\xff\xfe\x00",
    ],
)
def test_headers_that_make_no_sense_are_refused(header: bytes) -> None:
    assert _code(npy_raw(header, bytes(8))) == "dataset_invalid"


def test_an_endless_header_is_refused() -> None:
    assert _code(npy_raw(b" " * 20_000, b"", version=2)) == "dataset_invalid"
    assert _code(b"\x93NUMPY\x01\x00") == "dataset_invalid"
    assert _code(b"not an array at all") == "dataset_invalid"
