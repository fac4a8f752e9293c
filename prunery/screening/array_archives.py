"""Archives of .npy arrays: .npz files, and zips of .npy files."""

from __future__ import annotations

from collections.abc import Mapping

from prunery.screening import arrays
from prunery.screening.archives import Archive
from prunery.screening.junk import is_junk
from prunery.screening.splits import base_and_split
from prunery.specs.errors import PruneryError

MAX_MEMBERS = 2_000


def headers(archive: Archive) -> dict[str, arrays.Header]:
    """Check every member, and return the headers by array name (without folders and `.npy`)."""
    found: dict[str, arrays.Header] = {}
    for member in members(archive):
        name = array_name(member)
        if name in found:
            raise PruneryError("dataset_invalid", f"The archive holds {name!r} twice.").at(name)
        with archive.open(member) as stream:
            size = archive.members[member].file_size
            try:
                found[name] = arrays.read_header(stream, name, size)
            except PruneryError as error:
                raise error.at(name) from None
    if not found:
        raise PruneryError("dataset_invalid", "The archive holds no arrays.")
    check(found)
    return found


def members(archive: Archive) -> list[str]:
    """Names of the members that are arrays; anything else but OS junk is refused."""
    names = [name for name in archive.members if not is_junk(name)]
    for name in names:
        if not name.endswith(".npy"):
            raise PruneryError("dataset_invalid", f"{name[:120]!r} is not a .npy array.").at(name)
    return names


def array_name(member: str) -> str:
    """The array's name: the file's, without folders."""
    return member.rsplit("/", 1)[-1].removesuffix(".npy")


def check(found: Mapping[str, arrays.Header]) -> None:
    """Lengths of the arrays of one split agree, and there is something to train on."""
    lengths: dict[str, tuple[str, int]] = {}
    splits = {base_and_split(name)[1] for name in found}
    if "all" in splits and len(splits) > 1:
        alone = [name for name in found if base_and_split(name)[1] == "all"]
        raise PruneryError(
            "dataset_invalid",
            f"{alone[0][:80]!r} belongs to no split while others do.",
            hint="Name every array with _train, _val or _test, or none of them.",
        ).at(alone[0])
    if "all" not in splits and "train" not in splits:
        raise PruneryError("dataset_invalid", "There are no training arrays (x_train, y_train).")
    for name, header in found.items():
        split = base_and_split(name)[1]
        if not header.shape:
            raise PruneryError(
                "dataset_invalid", f"{name[:80]!r} is a single number, not one value per example."
            ).at(name)
        first, length = lengths.setdefault(split, (name, header.shape[0]))
        if header.shape[0] != length:
            raise PruneryError(
                "dataset_invalid",
                f"{first[:80]!r} has {length:,} examples, {name[:80]!r} has {header.shape[0]:,}.",
            ).at(name)
        if header.data_bytes == 0:
            raise PruneryError("dataset_invalid", f"{name[:80]!r} is empty.").at(name)
        if header.kind == "U" and header.shape[1:] not in ((), (1,)):
            raise PruneryError(
                "dataset_dtype_unsupported",
                f"{name[:80]!r} holds several texts for each example.",
                hint="Texts can be labels, one for each example; anything else must be numbers.",
            ).at(name)
    _check_splits(found)


def _check_splits(found: Mapping[str, arrays.Header]) -> None:
    """The arrays of one name are alike in every split."""
    alike: dict[str, tuple[str, arrays.Header]] = {}
    roles: dict[tuple[str, str], str] = {}
    for name, header in found.items():
        same = roles.setdefault(base_and_split(name), name)
        if same != name:
            raise PruneryError(
                "dataset_invalid", f"{same[:80]!r} and {name[:80]!r} are names for the same array."
            ).at(name)
        first, other = alike.setdefault(base_and_split(name)[0], (name, header))
        if header.shape[1:] != other.shape[1:] or (header.kind == "U") != (other.kind == "U"):
            raise PruneryError(
                "dataset_invalid",
                f"{first[:80]!r} has examples of shape {other.shape[1:]}, {name[:80]!r} of "
                f"{header.shape[1:]}, or one holds texts and the other numbers.",
            ).at(name)
