"""HDF5 files are walked before anything in them is trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from worker.engine.loading import load
from worker.engine.loading.hdf5 import open_checked


def _code(path: Path) -> str:
    with pytest.raises(PruneryError) as caught, open_checked(path):
        pass
    return caught.value.code


def _file(tmp_path: Path, fill: Callable[[Any], Any], **options: Any) -> Path:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", **options) as opened:
        fill(opened)
    return path


def test_an_ordinary_file_passes(tmp_path: Path) -> None:
    def fill(opened: Any) -> None:
        opened.attrs["model_config"] = "{}"
        opened.attrs["layer_names"] = np.array([b"a", b"b"])
        opened.attrs["empty"] = np.array([], dtype="f8")
        group = opened.create_group("a").create_group("vars")
        group.create_dataset("0", data=np.ones((3, 4), np.float32), compression="gzip")
        group.create_dataset("1", data=np.ones(3), shuffle=True, fletcher32=True, chunks=(3,))
        group.create_dataset("2", data=np.ones(3), compression="lzf")

    with open_checked(_file(tmp_path, fill)) as opened:
        assert opened["a/vars/0"].shape == (3, 4)


def test_links_to_elsewhere_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as opened:
        opened["x"] = 1

    def external(opened: Any) -> None:
        opened["x"] = h5py.ExternalLink(str(secret), "/x")

    def soft(opened: Any) -> None:
        opened["y"] = np.ones(2)
        opened["x"] = h5py.SoftLink("/y")

    def storage(opened: Any) -> None:
        opened.create_dataset("x", (10,), "u1", external=[(str(secret), 0, 10)])

    def virtual(opened: Any) -> None:
        layout = h5py.VirtualLayout((10,), "u1")
        layout[:] = h5py.VirtualSource(str(secret), "x", (10,))
        opened.create_virtual_dataset("x", layout)

    for fill in (external, soft, storage, virtual):
        assert _code(_file(tmp_path, fill)) == "hdf5_unsafe_feature"


def test_unusual_objects_are_refused(tmp_path: Path) -> None:
    def twice(opened: Any) -> None:
        opened["x"] = np.ones(2)
        opened["y"] = opened["x"]

    def loop(opened: Any) -> None:
        group = opened.create_group("a")
        group["b"] = group

    def reference(opened: Any) -> None:
        opened["y"] = np.ones(2)
        opened.create_dataset("x", data=opened["y"].ref, dtype=h5py.ref_dtype)

    def record(opened: Any) -> None:
        opened["x"] = np.zeros(2, dtype=[("a", "f4"), ("b", "f4")])

    def named_type(opened: Any) -> None:
        opened["x"] = np.dtype("f4")

    for fill in (twice, loop, reference, record, named_type):
        assert _code(_file(tmp_path, fill)) == "hdf5_unsafe_feature"
    before = _file(tmp_path, lambda opened: opened.attrs.clear(), userblock_size=512)
    assert _code(before) == "hdf5_unsafe_feature"


def test_a_filter_plugin_is_refused(tmp_path: Path) -> None:
    def fill(opened: Any) -> None:
        opened.create_dataset("x", (10,), "f4", chunks=(10,), scaleoffset=2)

    assert _code(_file(tmp_path, fill)) == "hdf5_unsafe_feature"


def test_what_declares_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    def sparse(opened: Any) -> None:
        opened.create_dataset("x", (2**40,), "f4", chunks=(1024,))

    def chunk(opened: Any) -> None:
        opened.create_dataset("x", (2**25,), "f8", chunks=(2**25,))

    for fill in (sparse, chunk):
        path = _file(tmp_path, fill)
        assert path.stat().st_size < 100_000
        assert _code(path) == "hdf5_too_large"


def test_a_model_file_is_walked_before_it_is_loaded(tmp_path: Path) -> None:
    def fill(opened: Any) -> None:
        opened.attrs["model_config"] = '{"class_name": "Sequential", "config": {"layers": []}}'
        opened["model_weights"] = h5py.ExternalLink("/etc/hostname", "/x")

    with pytest.raises(PruneryError) as caught:
        load(_file(tmp_path, fill))
    assert caught.value.code == "hdf5_unsafe_feature"


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_end_in_our_error_or_in_nothing(tmp_path: Path, seed: int) -> None:
    def fill(opened: Any) -> None:
        opened.attrs["model_config"] = "{}"
        opened.create_dataset("a/b", data=np.arange(100.0), compression="gzip")

    path = _file(tmp_path, fill)
    raw = bytearray(path.read_bytes())
    generator = np.random.default_rng(seed)
    for at in generator.integers(8, len(raw), 6):
        raw[at] = generator.integers(0, 256)
    path.write_bytes(raw[: generator.integers(100, len(raw))] if seed % 2 else raw)
    codes = set()
    try:
        with open_checked(path) as opened:
            codes.add("readable" if opened else "closed")
    except PruneryError as error:
        codes.add(error.code)
    ours = {"readable", "model_weights_invalid", "hdf5_unsafe_feature", "hdf5_too_large"}
    assert codes <= ours
