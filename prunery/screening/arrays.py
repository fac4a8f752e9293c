"""Headers of .npy files, parsed by ourselves: what they declare is known before it is allocated."""

from __future__ import annotations

import ast
import struct
from typing import IO, NamedTuple

from prunery.specs.errors import PruneryError

MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000
MAX_DIMENSIONS = 8
MAX_ITEM = 1024
# Numbers, booleans and fixed-width texts; anything else is pickled or not a number.
KINDS = frozenset("biufU")
_FORMATS = {1: ("<H", 2), 2: ("<I", 4), 3: ("<I", 4)}


class Header(NamedTuple):
    """What an array declares: kind and order as NumPy spells them, sizes in bytes."""

    kind: str
    item_bytes: int
    byte_order: str
    fortran: bool
    shape: tuple[int, ...]
    data_offset: int

    @property
    def data_bytes(self) -> int:
        """Bytes of the array's data."""
        total = self.item_bytes
        for size in self.shape:
            total *= size
        return total

    @property
    def dtype(self) -> str:
        """NumPy's spelling of the type: `<f4`, `|u1`, `<U12`."""
        width = self.item_bytes // 4 if self.kind == "U" else self.item_bytes
        return f"{self.byte_order}{self.kind}{width}"


def read_header(stream: IO[bytes], name: str, total_bytes: int) -> Header:
    """Read a .npy header and hold it against the member's size.

    Raises `dataset_invalid`, `dataset_pickled` or `dataset_dtype_unsupported`.
    """
    start = stream.read(len(MAGIC) + 2)
    if len(start) < 8 or not start.startswith(MAGIC) or start[6] not in _FORMATS:
        raise PruneryError("dataset_invalid", f"{name!r} is not a .npy array.")
    form, width = _FORMATS[start[6]]
    raw = stream.read(width)
    length = struct.unpack(form, raw)[0] if len(raw) == width else MAX_HEADER + 1
    if length > MAX_HEADER:
        raise PruneryError("dataset_invalid", f"The header of {name!r} is too long.")
    text = stream.read(length)
    if len(text) < length:
        raise PruneryError("dataset_invalid", f"{name!r} ends in its header.")
    header = _parse(text, name, len(start) + width + length)
    if header.data_offset + header.data_bytes != total_bytes:
        raise PruneryError(
            "dataset_invalid",
            f"{name!r} declares {header.data_bytes:,} bytes of data "
            f"but holds {total_bytes - header.data_offset:,}.",
        )
    return header


def _parse(text: bytes, name: str, offset: int) -> Header:
    try:
        found = ast.literal_eval(text.decode("latin-1").strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise PruneryError("dataset_invalid", f"The header of {name!r} cannot be read.") from None
    if not isinstance(found, dict) or set(found) != {"descr", "fortran_order", "shape"}:
        raise PruneryError("dataset_invalid", f"The header of {name!r} is incomplete.")
    shape = found["shape"]
    whole = isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not whole or len(shape) > MAX_DIMENSIONS or type(found["fortran_order"]) is not bool:
        raise PruneryError("dataset_invalid", f"The shape of {name!r} makes no sense.")
    order, kind, item = _dtype(found["descr"], name)
    return Header(kind, item, order, found["fortran_order"], shape, offset)


def _dtype(descr: object, name: str) -> tuple[str, str, int]:
    if not isinstance(descr, str) or len(descr) < 2:
        raise PruneryError(
            "dataset_dtype_unsupported", f"{name!r} holds records; save each field as an array."
        )
    order, kind, digits = descr[0], descr[1:2], descr[2:]
    if order not in "<>|=":
        order, kind, digits = "|", descr[0], descr[1:]
    if kind == "O":
        raise PruneryError("dataset_pickled", f"{name!r} holds Python objects, not numbers.")
    if kind not in KINDS or not digits.isascii() or not digits.isdigit() or len(digits) > 4:
        raise PruneryError(
            "dataset_dtype_unsupported", f"{name!r} has the type {descr[:40]!r}, not numbers."
        )
    item = int(digits) * (4 if kind == "U" else 1)
    known = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8, 16)}
    if item > MAX_ITEM or item not in known.get(kind, (item,)) or (kind == "U" and item == 0):
        raise PruneryError(
            "dataset_dtype_unsupported", f"{name!r} has items of an unusual size, {descr[:40]!r}."
        )
    return order, kind, item
