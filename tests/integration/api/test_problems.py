"""Every answer that is not 2xx is a problem document, and says nothing that it should not."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.core.settings import Settings
from app.jobs import recipes
from tests.integration.api import files
from tests.integration.api.conftest import client_of

JSON = {"Content-Type": "application/json"}
CASES: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "no such address": ("GET", "/v1/nothing", {}, 404, "not_found"),
    "no such id": ("GET", "/v1/models/mdl_1", {}, 404, "not_found"),
    "an id of another kind": ("GET", "/v1/jobs/mdl_" + "0" * 26, {}, 404, "not_found"),
    "no such method": ("PUT", "/v1/jobs", {}, 405, "method_not_allowed"),
    "a strange method": ("BREW", "/v1/jobs", {}, 405, "method_not_allowed"),
    "not JSON": ("POST", "/v1/jobs", {"content": b"{", "headers": JSON}, 400, "body_invalid"),
    "JSON too deep": (
        "POST", "/v1/jobs", {"content": b"[" * 200_000, "headers": JSON}, 400, "body_invalid",
    ),
    "no body": ("POST", "/v1/jobs", {}, 422, "request_invalid"),
    "text for JSON": ("POST", "/v1/jobs", {"content": b'{"model": "x"}'}, 422, "request_invalid"),
    "a list for an object": ("POST", "/v1/jobs", {"json": [1]}, 422, "request_invalid"),
    "JSON too large": (
        "POST", "/v1/jobs", {"content": b" " * 1_000_001, "headers": JSON}, 413, "upload_too_large",
    ),
    "a page too long": ("GET", "/v1/jobs?limit=1000", {}, 422, "request_invalid"),
    "planned: uploads": ("POST", "/v1/uploads", {}, 422, "not_available_yet"),
    "planned: kept checks": ("GET", "/v1/checks/chk_1", {}, 422, "not_available_yet"),
    "one job compared": ("GET", "/v1/comparisons?job=a", {}, 422, "request_invalid"),
    "an Idempotency-Key of no use": (
        "POST", "/v1/jobs", {"json": {"model": "x"}, "headers": {"Idempotency-Key": "a b"}},
        422, "request_invalid",
    ),
    "a form without a boundary": (
        "POST", "/v1/models", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        400, "body_invalid",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_refusal_is_a_problem_document(name: str, api: TestClient, tmp_path: Any) -> None:
    method, path, options, status, code = CASES[name]
    answer = api.request(method, path, **options)
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["type"] == f"urn:prunery:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["hint"]
    assert str(tmp_path) not in answer.text
    assert "Traceback" not in answer.text


def test_allow_names_every_method_of_an_address(api: TestClient) -> None:
    answer = api.put("/v1/jobs")
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    assert api.put("/v1/models/mdl_1").headers["Allow"] == "DELETE, GET, HEAD"


def test_our_own_mistake_is_a_problem_without_its_trace(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("/secret/path is broken")

    monkeypatch.setattr(recipes.presets, "resolve", broken)
    answer = api.get("/v1/recipes")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "secret" not in answer.text


def test_request_id_of_the_caller_is_kept_where_it_is_harmless(api: TestClient) -> None:
    given = {"X-Request-Id": "trace-4711-abcd"}
    assert api.get("/healthz", headers=given).headers["X-Request-Id"] == "trace-4711-abcd"
    for strange in ("a b", "x" * 100, "short"):
        answer = api.get("/healthz", headers={"X-Request-Id": strange})
        assert answer.headers["X-Request-Id"].startswith("req_")


def test_other_sites_pages_may_not_speak_to_us(api: TestClient) -> None:
    body = {"model": "mdl_1"}
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = api.post("/v1/jobs", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), headers
    own = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert api.post("/v1/jobs", json=body, headers=own).status_code == 422


def test_names_that_resolve_to_us_are_not_ours(api: TestClient) -> None:
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1"):
        answer = api.get("/v1/models", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), host
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"):
        assert api.get("/v1/models", headers={"Host": host}).status_code == 200, host


def test_everything_carries_security_headers(api: TestClient) -> None:
    for path in ("/v1/models", "/healthz", "/docs", "/v1/nothing", "/openapi.json"):
        headers = api.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert "unsafe" not in headers["Content-Security-Policy"], path
        assert "server" not in headers


def test_upload_beyond_a_limit_is_refused_unread(settings: Settings, tmp_path: Any) -> None:
    small = settings.model_copy(update={"max_model_bytes": 1000})
    with client_of(small) as api:
        for options in (
            {"content": bytes(1001), "headers": files.OCTETS},
            {"files": {"file": ("net.keras", bytes(1001))}},
            {"content": iter([bytes(600), bytes(600)]), "headers": files.OCTETS},
        ):
            answer = api.post("/v1/models?filename=net.keras", **options)
            assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
        assert files.kept_files(tmp_path) == []
        assert api.get("/v1/limits").json()["max_model_bytes"] == 1000


def test_full_disk_and_full_quota_are_told_before_the_body(settings: Settings) -> None:
    with client_of(settings.model_copy(update={"min_free_disk_bytes": 2**60})) as api:
        answer = api.post("/v1/models", content=b"x", headers=files.OCTETS)
        assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    with client_of(settings.model_copy(update={"max_stored_bytes": 10})) as api:
        answer = api.post("/v1/models", content=bytes(11), headers=files.OCTETS)
        assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
        unannounced = iter([files.model()])
        answer = api.post("/v1/models", content=unannounced, headers=files.OCTETS)
        assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
        assert files.kept_files(settings.data_dir) == []


def test_disk_that_fills_up_meanwhile_is_told(
    api: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")

    monkeypatch.setattr("app.core.storage.Storage.adopt", full)
    answer = api.post("/v1/models", content=files.model(), headers=files.OCTETS)
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert "secret" not in answer.text
    assert files.kept_files(settings.data_dir) == []


def test_pages_behind_a_proxy_are_our_own(settings: Settings) -> None:
    public = settings.model_copy(update={"public_url": "https://prunery.example"})
    with client_of(public) as api:
        own = {"Origin": "https://prunery.example"}
        assert api.post("/v1/jobs", json={}, headers=own).json()["code"] == "request_invalid"
        assert api.get("/v1/jobs", headers={"Host": "prunery.example"}).status_code == 200
        foreign = {"Origin": "https://prunery.example.evil.example"}
        assert api.post("/v1/jobs", json={}, headers=foreign).json()["code"] == "forbidden"


def test_service_routes_answer(api: TestClient) -> None:
    assert api.get("/healthz").json()["status"] == "ok"
    assert api.get("/readyz").json()["parts"] == {
        "database": True,
        "storage": True,
        "broker": True,
    }
    assert 'prunery_jobs{status="queued"} 0.0' in api.get("/metrics").text
    recipes = api.get("/v1/recipes").json()
    assert recipes["default"] == "balanced"
    assert {item["name"] for item in recipes["items"]} >= {"quick", "article", "paper"}
    assert "<script" not in api.get("/docs").text
    assert "GET /v1/jobs/{job_id}" in api.get("/docs").text


def test_database_that_is_away_is_no_mistake_of_ours(settings: Settings) -> None:
    nowhere = SecretStr("postgresql+psycopg://nobody@127.0.0.1:9/nothing?connect_timeout=2")
    with client_of(settings.model_copy(update={"database_url": nowhere})) as api:
        answer = api.get("/v1/jobs")
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert "127.0.0.1" not in answer.text
        assert api.get("/healthz").status_code == 200


def test_lost_database_is_told(api: TestClient, settings: Settings) -> None:
    (settings.data_dir / "prunery.db").write_bytes(b"no database any more" * 100)
    answer = api.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert answer.json()["errors"][0]["pointer"] == "/parts/database"
