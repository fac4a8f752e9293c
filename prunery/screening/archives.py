"""Zip archives, judged by their directory before a byte is inflated, and read no further than that.

What other programs are lenient about (data before the first member, members that overlap, a
directory that disagrees with the headers in front of the members) is how two readers are made to
see two different archives; nothing that Keras, NumPy or an ordinary zip program writes needs it.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from prunery.specs.errors import PruneryError

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL_SIZE = 46
END_SIZE = 22
MAX_RATIO = 200
RATIO_FLOOR = 10 * 1000 * 1000
CHUNK = 1 << 20


class Bounds(NamedTuple):
    """What an archive may hold: members, and bytes once unpacked."""

    members: int
    unpacked_bytes: int


class Archive:
    """An archive that passed; names are relative, unique and free of tricks."""

    def __init__(self, zipped: zipfile.ZipFile) -> None:
        self._zip = zipped
        self.members = {info.filename: info for info in zipped.infolist() if not info.is_dir()}

    def __contains__(self, name: str) -> bool:
        return name in self.members

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a member; damage met while reading is `archive_invalid`."""
        try:
            with self._zip.open(self.members[name]) as stream:
                yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
            error = PruneryError("archive_invalid", f"The member {name[:120]!r} is damaged.")
            raise error.at(name) from None

    def read(self, name: str, at_most: int) -> bytes:
        """Return a member whole, checksum included. Raises `archive_too_large` beyond a bound."""
        size = self.members[name].file_size
        if size > at_most:
            raise PruneryError(
                "archive_too_large", f"The member {name[:120]!r} unpacks to {size:,} bytes."
            ).at(name)
        with self.open(name) as stream:
            content = stream.read()
        return content

    def data_offset(self, name: str) -> int:
        """Where a member's data begin in the archive (for stored members: the content itself)."""
        info = self.members[name]
        stream = cast("IO[bytes]", self._zip.fp)
        stream.seek(info.header_offset)
        lengths: tuple[int, ...] = LOCAL.unpack(stream.read(LOCAL.size))[-2:]
        return int(info.header_offset) + LOCAL.size + sum(lengths)

    def extract(self, name: str, target: Path) -> Path:
        """Copy a member to `target`, a path of our own choosing, never the member's."""
        with self.open(name) as stream, target.open("wb") as out:
            while chunk := stream.read(CHUNK):
                out.write(chunk)
        return target


@contextmanager
def open_archive(path: Path, bounds: Bounds) -> Iterator[Archive]:
    """Open an archive once its directory has passed every rule."""
    with path.open("rb") as stream:
        _check_directory(stream, bounds)
        try:
            zipped = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, UnicodeDecodeError, ValueError, struct.error, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise PruneryError("archive_invalid", "The zip directory cannot be read.") from None
        except NotImplementedError:
            raise PruneryError("archive_invalid", "The zip needs a newer version.") from None
        with zipped:
            infos = zipped.infolist()
            _check_sizes(infos, bounds)
            for info in infos:
                try:
                    _check_member(info)
                except PruneryError as error:
                    raise error.at(info.filename) from None
            _check_layout(stream, infos, zipped.start_dir)
            yield Archive(zipped)


def _check_directory(stream: IO[bytes], bounds: Bounds) -> None:
    """Count the directory's entries by hand: a directory of millions is a bomb in itself."""
    try:
        end = zipfile._EndRecData(stream)  # type: ignore[attr-defined]
    except (OSError, struct.error, ValueError, zipfile.BadZipFile):
        end = None
    if not end:
        raise PruneryError("archive_invalid", "The zip directory is missing: the file was cut.")
    size, comment = end[5], end[8]
    at = end[9] - size - (76 if end[0] == b"PK\x06\x06" else 0)
    whole = stream.seek(0, os.SEEK_END)
    if at < 0 or len(comment) != end[7] or end[9] + END_SIZE + end[7] != whole:
        raise PruneryError("archive_invalid", "The zip does not end with its directory.")
    stream.seek(0)
    if stream.read(4) != b"PK\x03\x04":
        raise PruneryError("archive_invalid", "The zip does not begin at the file's first byte.")
    if size > (bounds.members + 1) * (CENTRAL_SIZE + 1024):
        raise _too_many(bounds)
    stream.seek(at)
    _count_entries(stream.read(size), bounds)


def _count_entries(directory: bytes, bounds: Bounds) -> None:
    at = count = 0
    while at + CENTRAL_SIZE <= len(directory):
        lengths = struct.unpack_from("<3H", directory, at + 28)
        at += CENTRAL_SIZE + sum(lengths)
        count += 1
        if count > bounds.members:
            raise _too_many(bounds)


def _too_many(bounds: Bounds) -> PruneryError:
    return PruneryError(
        "archive_too_large", f"The archive has more than {bounds.members:,} members."
    )


def _check_sizes(infos: list[zipfile.ZipInfo], bounds: Bounds) -> None:
    declared = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if declared > bounds.unpacked_bytes:
        raise PruneryError(
            "archive_too_large",
            f"The archive unpacks to {declared:,} bytes; at most {bounds.unpacked_bytes:,} fit.",
        )
    for info in infos:
        bomb = info.file_size > RATIO_FLOOR and info.file_size > MAX_RATIO * info.compress_size
        if bomb or (declared > RATIO_FLOOR and declared > MAX_RATIO * packed):
            raise PruneryError(
                "archive_too_large",
                f"The archive unpacks to more than {MAX_RATIO} times its size.",
            )


def _check_member(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    if info.flag_bits & 0x1 or info.flag_bits & 0x40:
        raise PruneryError("archive_encrypted", f"The member {name[:120]!r} is encrypted.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PruneryError(
            "archive_invalid", f"The member {name[:120]!r} is neither stored nor deflated."
        )
    if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
        raise PruneryError("archive_invalid", f"The sizes of {name[:120]!r} disagree.")
    mode = info.external_attr >> 16
    if info.create_system == 3 and mode & 0o170000 not in (0, 0o100000, 0o040000):
        raise PruneryError(
            "archive_unsafe_path", f"The member {name[:120]!r} is a link or a device."
        )
    _check_path(name)


def _check_path(name: str) -> None:
    parts = name.rstrip("/").split("/")
    unsafe = (
        not name.isprintable()
        or "\\" in name
        or name.startswith("/")
        or (len(name) > 1 and name[1] == ":")
        or any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts)
        or len(name) > 1024
    )
    if unsafe:
        raise PruneryError("archive_unsafe_path", f"The member {name[:120]!r} has an unsafe path.")


def _check_layout(stream: IO[bytes], infos: list[zipfile.ZipInfo], directory_at: int) -> None:
    """Members follow each other without gap or overlap, as their own headers say too."""
    if not infos:
        raise PruneryError("archive_invalid", "The archive is empty.")
    if len({info.filename for info in infos}) != len(infos):
        raise PruneryError("archive_invalid", "The archive names a member twice.")
    at = 0
    for info in sorted(infos, key=lambda one: one.header_offset):
        gap = info.header_offset - at
        if gap != 0:
            raise PruneryError("archive_invalid", "Members of the archive overlap or leave a gap.")
        at = _member_end(stream, info)
    if at != directory_at:
        raise PruneryError("archive_invalid", "The archive holds data that belongs to no member.")


def _member_end(stream: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Where the next member must begin, once the header in front of the data agrees."""
    stream.seek(info.header_offset)
    raw = stream.read(LOCAL.size)
    if len(raw) < LOCAL.size:
        raise PruneryError("archive_invalid", "The archive was cut.")
    signature, *numbers = LOCAL.unpack(raw)
    lengths: list[int] = numbers[-2:]
    _, flags, method, _, _, crc, packed, size, name_size, extra_size = numbers
    name = stream.read(name_size)
    extra = stream.read(extra_size)
    streamed = bool(flags & 0x8)
    sizes = _zip64_sizes(extra, size, packed)
    declared = (info.CRC, info.file_size, info.compress_size)
    agrees = (crc, *sizes) == declared or (
        streamed and crc in (0, info.CRC) and set(sizes) <= {0, *declared[1:]}
    )
    encoding = "utf-8" if flags & 0x800 else "cp437"
    try:
        same_name = name.decode(encoding) == info.orig_filename
    except UnicodeDecodeError:
        same_name = False
    if signature != b"PK\x03\x04" or method != info.compress_type or not (agrees and same_name):
        raise PruneryError(
            "archive_invalid",
            f"The header of {info.filename[:120]!r} disagrees with the directory.",
        ).at(info.filename)
    end = info.header_offset + LOCAL.size + sum(lengths) + info.compress_size
    return end + (_descriptor_size(stream, end, info) if streamed else 0)


def _zip64_sizes(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        if tag == 1:
            body = extra[at + 4 : at + 4 + length]
            values = list(struct.unpack(f"<{len(body) // 8}Q", body[: len(body) // 8 * 8]))
            if size == 0xFFFFFFFF and values:
                size = values.pop(0)
            if packed == 0xFFFFFFFF and values:
                packed = values.pop(0)
        at += 4 + length
    return size, packed


def _descriptor_size(stream: IO[bytes], at: int, info: zipfile.ZipInfo) -> int:
    """The record after a streamed member: with or without a signature, 32 or 64 bits."""
    stream.seek(at, os.SEEK_SET)
    raw = stream.read(24)
    sizes = (info.CRC, info.compress_size, info.file_size)
    for form in ("<4sLQQ", "<4sLLL", "<LQQ", "<LLL"):
        length = struct.calcsize(form)
        if len(raw) < length:
            continue
        values = struct.unpack_from(form, raw)
        signed = isinstance(values[0], bytes)
        if (not signed or values[0] == b"PK\x07\x08") and values[-3:] == sizes:
            return length
    raise PruneryError(
        "archive_invalid", f"The sizes after {info.filename[:120]!r} disagree with the directory."
    ).at(info.filename)
