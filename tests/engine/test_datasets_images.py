"""Zips of image folders become pixels in the model's size and channels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import PruneryError
from tests.engine.dataset_files import folders, made, model, picture
from worker.engine.datasets import images, inspect

TWO = model((8, 10, 3), (2,))


def _some(**more: bytes) -> dict[str, bytes]:
    found = {f"{label}/{i}.png": picture() for label in ("cat", "dog") for i in range(6)}
    return {**found, **{name.replace("__", "/") + ".png": raw for name, raw in more.items()}}


def _refused(path: Path) -> PruneryError:
    with pytest.raises(PruneryError) as caught:
        inspect(path, path.name, DatasetOptions())
    return caught.value


def test_folders_are_classes(tmp_path: Path) -> None:
    dataset = made(folders(tmp_path / "a.zip", _some()), TWO)
    assert dataset.classes == ("cat", "dog")
    assert (dataset.task, dataset.labels) == ("multiclass", "integers")
    assert dataset.train.x["input"].dtype == np.uint8
    assert dataset.train.x["input"].shape[1:] == (8, 10, 3)
    assert dataset.train.x["input"][0, 0, 0, 0] == 0
    assert dataset.train.x["input"][0, 0, -1, 0] == 200
    assert dataset.pixels == ("input",)


@pytest.mark.parametrize(
    ("shape", "first"),
    [((8, 10, 1), 0), ((8, 10), 0), ((4, 5, 3), 0), ((3, 8, 10), 0), ((None, None, 3), 0)],
)
def test_images_take_the_models_form(
    tmp_path: Path, shape: tuple[int | None, ...], first: int
) -> None:
    dataset = made(folders(tmp_path / "a.zip", _some()), model(shape, (2,)))
    wanted = tuple(
        8 if s is None and i == 0 else 10 if s is None else s for i, s in enumerate(shape)
    )
    assert dataset.train.x["input"].shape[1:] == wanted
    assert dataset.train.x["input"].ravel()[0] == first
    assert dataset.resize is not None


def test_cropping_keeps_the_aspect(tmp_path: Path) -> None:
    summary = model((8, 8, 1), (2,))
    path = folders(tmp_path / "a.zip", {**_some(), "cat/wide.png": picture((40, 8))})
    fitted, cropped = made(path, summary), made(path, summary, resize="crop")
    assert fitted.resize is not None
    assert cropped.resize is not None
    assert "not keeping" in fitted.resize
    assert "cropped" in cropped.resize


def test_splits_may_be_folders(tmp_path: Path) -> None:
    members = {
        f"data/{split}/{label}/{i}.png": picture()
        for split, count in (("train", 6), ("val", 2), ("test", 3))
        for label in ("a", "b")
        for i in range(count)
    }
    dataset = made(folders(tmp_path / "a.zip", members), TWO)
    assert dataset.examples == {"train": 12, "validation": 4, "test": 6}


def test_a_photo_whose_turn_cannot_be_read_is_refused_at_once(tmp_path: Path) -> None:
    raw = io.BytesIO()
    exif = b"Exif\0\0" + b"no TIFF header"
    Image.new("RGB", (8, 8)).save(raw, "WEBP", exif=exif)
    error = _refused(folders(tmp_path / "a.zip", {**_some(), "cat/7.webp": raw.getvalue()}))
    assert error.code == "image_invalid"
    assert "'cat/7.webp'" in error.detail


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP"])
def test_four_formats_are_read(tmp_path: Path, form: str) -> None:
    ending = {"JPEG": "jpg"}.get(form, form.lower())
    members = {f"{c}/{i}.{ending}": picture(form=form) for c in "ab" for i in range(5)}
    dataset = made(folders(tmp_path / "a.zip", members), TWO)
    assert abs(int(dataset.train.x["input"][0, 4, -1, 0]) - 200) < 12


def test_the_turn_of_a_camera_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned = picture((8, 10), form="JPEG", exif=exif.tobytes(), quality=100)
    members = {f"{c}/{i}.jpg": turned for c in "ab" for i in range(5)}
    image = made(folders(tmp_path / "a.zip", members), TWO).train.x["input"][0]
    assert image.shape == (8, 10, 3)
    assert image[0, 5, 0] < 60
    assert image[-1, 5, 0] > 140


def test_sixteen_bits_are_not_clipped(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.fromarray(np.full((8, 10), 32_768, np.uint16)).save(out, "PNG")
    members = {f"{c}/{i}.png": out.getvalue() for c in "ab" for i in range(5)}
    image = made(folders(tmp_path / "a.zip", members), TWO).train.x["input"][0]
    assert set(np.unique(image)) == {128}


def test_palettes_and_transparency_are_read(tmp_path: Path) -> None:
    members = {
        **{f"a/{i}.png": picture(mode="P") for i in range(5)},
        **{f"b/{i}.png": picture(mode="RGBA") for i in range(5)},
    }
    dataset = made(folders(tmp_path / "a.zip", members), TWO)
    assert dataset.train.x["input"].shape[1:] == (8, 10, 3)


def _animation() -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    return out.getvalue()


def _text_bomb() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * 3_000_000, zip=True)
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def _huge() -> bytes:
    out = io.BytesIO()
    Image.new("1", (6_000, 5_000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (picture()[:52], "image_invalid"),
        (picture()[:-30], "image_invalid"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "image_invalid"),
        (_animation(), "image_invalid"),
        (_text_bomb(), "image_invalid"),
        (_huge(), "image_too_large"),
    ],
    ids=["cut", "cut late", "empty", "animation", "text bomb", "huge"],
)
def test_a_bad_image_refuses_the_set_and_is_named(tmp_path: Path, raw: bytes, code: str) -> None:
    error = _refused(folders(tmp_path / "a.zip", _some(cat__bad=raw)))
    assert error.code == code
    assert "cat/bad.png" in error.detail


def test_a_format_disguised_as_another_is_refused(tmp_path: Path) -> None:
    gif = io.BytesIO()
    Image.new("L", (8, 8)).save(gif, "GIF")
    assert _refused(folders(tmp_path / "a.zip", _some(cat__bad=gif.getvalue()))).code == (
        "image_invalid"
    )


def test_a_model_without_pictures_refuses_pictures(tmp_path: Path) -> None:
    path = folders(tmp_path / "a.zip", _some())
    for shape in ((240,), (8, 10, 5), (5, 8, 10, 3)):
        with pytest.raises(PruneryError) as caught:
            made(path, model(shape, (2,)))
        assert caught.value.code == "dataset_mismatch"


def test_images_of_several_sizes_need_a_model_with_a_size(tmp_path: Path) -> None:
    path = folders(tmp_path / "a.zip", _some(cat__other=picture((20, 20))))
    with pytest.raises(PruneryError) as caught:
        made(path, model((None, None, 3), (2,)))
    assert caught.value.code == "dataset_mismatch"


def test_folders_are_described(tmp_path: Path) -> None:
    summary = inspect(folders(tmp_path / "a.zip", _some()), "a.zip", DatasetOptions())
    assert summary.format == "image_folders"
    assert summary.arrays[0].shape == (12, None, None, None) or summary.arrays[1].shape[0] == 12
    assert summary.labels[0].classes == ("cat", "dog")
    assert summary.labels[0].counts == (6, 6)


def test_decoders_never_answer_with_their_own_errors(tmp_path: Path) -> None:
    raw = bytearray(picture(form="JPEG"))
    generator = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(raw)
        for at in generator.integers(3, len(raw), 5):
            damaged[at] = generator.integers(0, 256)
        path = folders(tmp_path / "a.zip", {"a/1.jpg": bytes(damaged), "b/1.jpg": bytes(raw)})
        codes: set[Any] = set()
        try:
            inspect(path, "a.zip", DatasetOptions())
        except PruneryError as error:
            codes.add(error.code)
        assert codes <= {"image_invalid", "image_too_large"}
    assert images.FORMATS == ("PNG", "JPEG", "WEBP", "BMP")
