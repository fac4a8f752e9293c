"""Uploads over HTTP: what is accepted, what is refused, and what is left behind."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.core.tables import ModelTable
from tests.integration.api import files
from tests.integration.api.worker import Worker

PICKLED = files.npz(x_train=np.array([{"a": 1}] * 4, dtype=object), y_train=np.zeros(4))
HOSTILE = {
    "empty": ("models", b"", "net.keras", "file_empty"),
    "not a zip": ("models", b"hello, I am a model", "net.keras", "file_type_mismatch"),
    "a Lambda layer": ("models", files.lambda_model(), "net.keras", "model_unsafe_object"),
    "an unknown kind": ("models", b"import os", "net.py", "file_type_unsupported"),
    "hdf5 so named": ("models", b"\x89HDF\r\n\x1a\n", "a.zip", "file_type_mismatch"),
    "empty data": ("datasets", b"", "data.npz", "file_empty"),
    "data that is no zip": ("datasets", b"x" * 100, "data.npz", "file_type_mismatch"),
    "pickled arrays": ("datasets", PICKLED, "data.npz", "dataset_pickled"),
}  # fmt: skip


def test_model_is_kept_whole_and_queued(api: TestClient, tmp_path: Path) -> None:
    content = files.model()
    view = files.upload(api, "models", content, "net.keras")
    assert view["id"].startswith("mdl_")
    assert view["status"] == "checking"
    assert view["sha256"] == hashlib.sha256(content).hexdigest()
    assert (view["format"], view["size_bytes"]) == ("keras", len(content))
    assert (tmp_path / "storage" / "models" / view["id"]).read_bytes() == content
    assert list((tmp_path / "broker" / "messages").glob("*.checks.msg"))
    answer = api.get(f"/v1/models/{view['id']}")
    assert answer.json() == view
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_upload_is_refused_and_leaves_nothing(
    name: str, api: TestClient, tmp_path: Path
) -> None:
    kind, content, filename, code = HOSTILE[name]
    answer = api.post(
        f"/v1/{kind}", params={"filename": filename}, content=content, headers=files.OCTETS
    )
    problem = answer.json()
    assert (problem["code"], answer.status_code) == (code, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["hint"]
    assert str(tmp_path) not in answer.text
    assert files.kept_files(tmp_path) == []
    assert api.get(f"/v1/{kind}").json() == {"items": [], "next": None}


def test_form_upload_equals_raw_upload(api: TestClient) -> None:
    content = files.model()
    raw = files.upload(api, "models", content, "net.keras")
    answer = api.post("/v1/models", files={"file": ("net.keras", content)})
    assert answer.status_code == 201
    assert answer.json()["id"] == raw["id"]


def test_dataset_options_come_by_query_or_by_form(api: TestClient) -> None:
    content = files.dataset()
    query = api.post(
        "/v1/datasets",
        params={"filename": "d.npz", "seed": "7", "test_fraction": "0.25"},
        content=content,
        headers=files.OCTETS,
    ).json()
    form = api.post(
        "/v1/datasets",
        files={"file": ("d.npz", content)},
        data={"seed": "7", "test_fraction": "0.25"},
    ).json()
    assert query["options"]["seed"] == 7
    assert query["options"]["test_fraction"] == 0.25
    assert form["id"] == query["id"]
    other = files.upload(api, "datasets", content, "d.npz")
    assert other["id"] != query["id"]


def test_wrong_option_is_named(api: TestClient) -> None:
    answer = api.post(
        "/v1/datasets", files={"file": ("d.npz", files.dataset())}, data={"seed": "many"}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/seed"


def test_option_that_does_not_exist_is_named(api: TestClient) -> None:
    content = files.dataset()
    for options in (
        {"params": {"label_colum": "y"}, "content": content, "headers": files.OCTETS},
        {"files": {"file": ("d.npz", content)}, "data": {"label_colum": "y"}},
    ):
        answer = api.post("/v1/datasets", **options)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
        assert answer.json()["errors"][0]["pointer"] == "/label_colum"
        assert "label_column" in answer.json()["errors"][0]["message"]
    assert api.post("/v1/models?seed=1", content=b"x", headers=files.OCTETS).status_code == 422


def test_announced_checksum_is_checked(api: TestClient, tmp_path: Path) -> None:
    content = files.model()
    right = base64.b64encode(hashlib.sha256(content).digest()).decode()
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    for header in ("Content-Digest", "Repr-Digest"):
        refused = api.post(
            "/v1/models?filename=a.keras",
            content=content,
            headers={**files.OCTETS, header: f"sha-256=:{wrong}:"},
        )
        assert (refused.status_code, refused.json()["code"]) == (400, "digest_mismatch")
    assert files.kept_files(tmp_path) == []
    taken = api.post(
        "/v1/models?filename=a.keras",
        content=content,
        headers={**files.OCTETS, "Content-Digest": f"sha-256=:{right}:"},
    )
    assert taken.status_code == 201
    broken = api.post(
        "/v1/models?filename=a.keras",
        content=content,
        headers={**files.OCTETS, "Content-Digest": "sha-256=:AAAA:"},
    )
    assert broken.json()["code"] == "body_invalid"


def test_rejected_upload_says_why_until_it_is_deleted(api: TestClient, worker: Worker) -> None:
    view = files.upload(api, "models", files.model(), "net.keras")
    worker.reject(ModelTable, view["id"])
    shown = api.get(f"/v1/models/{view['id']}").json()
    assert shown["status"] == "rejected"
    assert shown["error"]["code"] == "model_cannot_load"
    assert api.get(f"/v1/models/{view['id']}/prunability").json()["code"] == "upload_rejected"
    again = files.upload(api, "models", files.model(), "net.keras")
    assert again["id"] != view["id"]
    assert api.delete(f"/v1/models/{view['id']}").status_code == 204
    assert api.get(f"/v1/models/{view['id']}").status_code == 404


def test_deleting_removes_the_bytes(api: TestClient, tmp_path: Path) -> None:
    view = files.upload(api, "datasets", files.dataset(), "d.npz")
    assert api.delete(f"/v1/datasets/{view['id']}").status_code == 204
    assert files.kept_files(tmp_path) == []
    answer = api.delete(f"/v1/datasets/{view['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_prunability_comes_with_readiness(api: TestClient, worker: Worker) -> None:
    view = files.upload(api, "models", files.model(), "net.keras")
    early = api.get(f"/v1/models/{view['id']}/prunability")
    assert (early.status_code, early.json()["code"]) == (409, "upload_not_ready")
    assert int(early.headers["Retry-After"]) > 0
    worker.pass_model(view["id"])
    found = api.get(f"/v1/models/{view['id']}/prunability").json()
    assert found["groups"][0]["name"] == "hidden"


def test_lists_go_page_by_page_newest_first(api: TestClient) -> None:
    made = [files.upload(api, "models", files.model(), f"{n}.keras")["id"] for n in range(5)]
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        page = api.get("/v1/models", params=query).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert seen == sorted(made, reverse=True)


def test_unchanged_object_is_not_sent_twice(api: TestClient, worker: Worker) -> None:
    view = files.upload(api, "models", files.model(), "net.keras")
    first = api.get(f"/v1/models/{view['id']}")
    same = api.get(f"/v1/models/{view['id']}", headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    worker.pass_model(view["id"])
    changed = api.get(f"/v1/models/{view['id']}", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.json()["status"] == "ready"


def test_name_of_an_upload_is_only_shown(api: TestClient, tmp_path: Path) -> None:
    view = files.upload(api, "models", files.model(), "../../etc/\u202e\r\nnet.keras")
    assert view["filename"] == "net.keras"
    kept = files.kept_files(tmp_path)
    assert kept == [str(tmp_path / "storage" / "models" / view["id"])]


def test_form_without_a_file_is_told_so(api: TestClient, tmp_path: Path) -> None:
    answer = api.post("/v1/models", files={"file": ("", b"")})
    assert answer.json()["errors"][0]["pointer"] == "/file"
    answer = api.post("/v1/models", files={"other": ("a.keras", b"1")})
    assert answer.json()["code"] == "request_invalid"
    assert files.kept_files(tmp_path) == []


def test_other_media_types_are_refused(api: TestClient) -> None:
    answer = api.post("/v1/models?filename=a.keras", json={"a": 1})
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")
    encoded = {**files.OCTETS, "Content-Encoding": "gzip"}
    answer = api.post("/v1/models?filename=a.keras", content=b"x", headers=encoded)
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")


def test_file_is_a_file_whatever_it_is_called(api: TestClient) -> None:
    content = files.model()
    for name in ("application/x-www-form-urlencoded", "application/zip", "text/plain"):
        answer = api.post("/v1/models", content=content, headers={"Content-Type": name})
        assert answer.status_code == 201
        assert answer.json()["filename"] == "model.keras"
    data = files.dataset()
    answer = api.post("/v1/datasets", content=data, headers=files.OCTETS)
    assert (answer.status_code, answer.json()["filename"]) == (201, "data.zip")
