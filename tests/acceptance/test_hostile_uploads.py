"""Broken and hostile files over HTTP, to the end: a clear problem, and nothing left behind."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import httpx2
import numpy as np
import pytest

from examples import article_model

WAIT = {"Content-Type": "application/octet-stream", "Prefer": "wait=60"}
NO_TRAINING = {"training": {"epochs": 0}}


def wider_output() -> bytes:
    """The article's model whose configuration has one class more than its weights."""
    target = io.BytesIO()
    with zipfile.ZipFile(article_model.FILE) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config: dict[str, Any] = json.loads(content)
                config["config"]["layers"][-1]["config"]["units"] = 11
                content = json.dumps(config).encode()
            archive.writestr(name, content)
    return target.getvalue()


def hdf5(fill: Callable[[h5py.File], None]) -> bytes:
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        fill(file)
    return target.getvalue()


def external(file: h5py.File) -> None:
    file.attrs["model_config"] = "{}"
    file["secret"] = h5py.ExternalLink("/etc/passwd", "/x")


def npz(**arrays: Any) -> bytes:
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


X = np.linspace(0, 1, 40 * 4, dtype=np.float32).reshape(40, 4)
Y = np.arange(40) % 4
TORN = hdf5(lambda file: file.create_dataset("x", data=X))[:700]
REJECTED: dict[str, tuple[str, str, bytes, str]] = {
    "weights that do not fit": ("models", "a.keras", wider_output(), "model_weights_invalid"),
    "a link out of the file": ("models", "a.h5", hdf5(external), "hdf5_unsafe_feature"),
    "a torn hdf5": ("models", "a.h5", TORN, "model_weights_invalid"),
    "NaN in the examples": ("datasets", "d.npz", npz(x=X * np.nan, y=Y), "dataset_invalid"),
    "NaN in the labels": ("datasets", "d.npz", npz(x=X, y=Y * np.nan), "dataset_invalid"),
    "unequal lengths": ("datasets", "d.npz", npz(x=X, y=Y[:30]), "dataset_invalid"),
    "one class only": ("datasets", "d.npz", npz(x=X, y=Y * 0), "dataset_invalid"),
    "ragged CSV": ("datasets", "d.csv", b"a,b,y\n1,2,0\n1,2\n", "csv_invalid"),
}


@pytest.fixture(scope="module")
def client(service_url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=service_url, timeout=90) as made:
        yield made


def upload(client: httpx2.Client, kind: str, filename: str, content: bytes) -> httpx2.Response:
    return client.post(f"/v1/{kind}", params={"filename": filename}, content=content, headers=WAIT)


@pytest.mark.parametrize("name", REJECTED)
def test_bad_file_ends_in_a_problem_and_leaves_nothing(
    name: str, client: httpx2.Client, service_folder: Path
) -> None:
    kind, filename, content, code = REJECTED[name]
    answer = upload(client, kind, filename, content)
    found = answer.json()
    if answer.status_code == 201:
        assert found["status"] == "rejected", found
        row, problem = found["id"], found["error"]
    else:
        row, problem = "", found
    assert problem["code"] == code, problem
    assert problem["hint"]
    assert str(service_folder) not in json.dumps(problem)
    data = service_folder / "data"
    left = [path for path in data.rglob("*") if path.is_file() and row and row in path.name]
    assert left == []
    assert not any((data / "incoming").iterdir())


def test_pair_that_does_not_fit_is_refused_before_it_starts(client: httpx2.Client) -> None:
    model = upload(client, "models", "article.keras", article_model.FILE.read_bytes()).json()
    images = np.zeros((40, 28, 28), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None]
    pairs = {
        "/dataset/x": npz(x=X, y=Y),
        "/dataset/y": npz(x=images, y=Y + 9),
    }
    for pointer, content in pairs.items():
        dataset = upload(client, "datasets", "d.npz", content).json()
        body = {"model": model["id"], "dataset": dataset["id"]}
        answer = client.post("/v1/jobs", json=body)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "dataset_mismatch"), problem
        assert pointer in [error["pointer"] for error in problem["errors"]]
        assert "expected" in problem["detail"]
        assert "found" in problem["detail"]


def test_layer_that_the_model_lacks_is_named(client: httpx2.Client) -> None:
    model = upload(client, "models", "article.keras", article_model.FILE.read_bytes()).json()
    body = {"model": model["id"], "recipe": {**NO_TRAINING, "protect": ["hiden_1"]}}
    problem = client.post("/v1/jobs", json=body).json()
    assert problem["code"] == "recipe_invalid"
    assert problem["errors"][0]["pointer"] == "/recipe/protect/0"
    assert "hidden_1" in problem["errors"][0]["message"]
