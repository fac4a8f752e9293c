"""Uploads made by hand: no Keras is needed to talk to the API."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

ROOT = Path(__file__).parents[3]
ARTICLE = ROOT / "examples" / "article.keras"
OCTETS = {"Content-Type": "application/octet-stream"}


def model() -> bytes:
    """A real .keras file."""
    return ARTICLE.read_bytes()


def lambda_model() -> bytes:
    """The same with one layer replaced by code."""
    with zipfile.ZipFile(ARTICLE) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config: dict[str, Any] = json.loads(members["config.json"])
    config["config"]["layers"][1]["class_name"] = "Lambda"
    config["config"]["layers"][1]["config"]["function"] = {
        "class_name": "__lambda__",
        "config": {"code": "4wAAAA==", "defaults": None, "closure": None},
    }
    members["config.json"] = json.dumps(config).encode()
    return zipped(members)


def zipped(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def npz(**arrays: Any) -> bytes:
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


def dataset() -> bytes:
    """Sixty examples of four features in three classes."""
    generator = np.random.default_rng(0)
    x = generator.random((60, 4), dtype=np.float32)
    return npz(x_train=x, y_train=np.arange(60) % 3)


def upload(client: TestClient, kind: str, content: bytes, filename: str) -> dict[str, Any]:
    """Upload something that must be accepted."""
    answer = client.post(
        f"/v1/{kind}", params={"filename": filename}, content=content, headers=OCTETS
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def kept_files(folder: Path) -> list[str]:
    """Every file below a data folder that an upload may have left."""
    below = (folder / "incoming", folder / "storage")
    return [str(path) for root in below for path in root.rglob("*") if path.is_file()]
