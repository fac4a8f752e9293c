"""Files arrive whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from prunery.client import Client
from prunery.specs.errors import PruneryError
from prunery.transfer import digest_header, sha256
from tests.unit.client.rude_server import Answer, serving

CONTENT = b"weights" * 100_000
DIGEST = digest_header(hashlib.sha256(CONTENT).hexdigest())
MODEL = {
    "id": "mdl_1",
    "filename": "net.keras",
    "format": "keras",
    "size_bytes": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
    "status": "checking",
    "created_at": "2026-11-24T12:00:00Z",
}


def test_download_is_checked_and_reported(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with (
        serving(Answer(body=CONTENT, headers={"Repr-Digest": DIGEST})) as server,
        Client(server.url) as client,
    ):
        path = client.download(
            "job_1", "model.keras", tmp_path, progress=lambda *step: seen.append(step)
        )
    assert path == tmp_path / "model.keras"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) > 2


def test_damaged_download_leaves_nothing(tmp_path: Path) -> None:
    damaged = CONTENT[:-1] + b"!"
    with (
        serving(Answer(body=damaged, headers={"Repr-Digest": DIGEST})) as server,
        Client(server.url) as client,
        pytest.raises(PruneryError) as caught,
    ):
        client.download("job_1", "model.keras", tmp_path)
    assert caught.value.code == "digest_mismatch"
    assert list(tmp_path.iterdir()) == []


def test_broken_download_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"before")
    with (
        serving(Answer(body=CONTENT, hang_up=True)) as server,
        Client(server.url) as client,
        pytest.raises(PruneryError),
    ):
        client.download("job_1", "model.keras", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras"}
    assert (tmp_path / "model.keras").read_bytes() == b"before"


def test_upload_names_its_length_and_digest_before_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    path.write_bytes(CONTENT)
    ready = {**MODEL, "status": "ready"}
    answers = [Answer(201, json.dumps(MODEL).encode()), Answer(body=json.dumps(ready).encode())]
    with serving(*answers) as server, Client(server.url) as client:
        view = client.upload_model(path)
        sent, asked = server.received
    assert view.status == "ready"
    assert sent.body == CONTENT
    assert sent.path == "/v1/models?filename=net.keras"
    assert sent.headers["Content-Length"] == str(len(CONTENT))
    assert "Transfer-Encoding" not in sent.headers
    assert sent.headers["Content-Digest"] == DIGEST
    assert asked.headers["Prefer"] == "wait=30"


def test_rejected_upload_raises_the_servers_reason(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    path.write_bytes(b"not a zip")
    reason = {
        "type": "urn:prunery:problem:model_unsafe_object",
        "title": "t",
        "status": 422,
        "detail": "a Lambda layer",
        "code": "model_unsafe_object",
        "hint": "h",
    }
    rejected = {**MODEL, "status": "rejected", "error": reason}
    answers = [Answer(201, json.dumps(MODEL).encode()), Answer(body=json.dumps(rejected).encode())]
    with (
        serving(*answers) as server,
        Client(server.url) as client,
        pytest.raises(PruneryError, match="a Lambda layer") as caught,
    ):
        client.upload_model(path)
    assert caught.value.code == "model_unsafe_object"


def test_digest_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert digest_header(sha256(tmp_path / "empty")) == (
        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    )
