"""Over a real socket: clients that are slow, that lie, that send too much, and many that wait."""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app.accounts import service as accounts
from app.core.database import Database
from app.core.tables import LOCAL_OWNER
from tests.integration.api import files
from tests.integration.api.live import Server, open_request, push, read_answer, serving

MB = 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("live")
    shutil.copy(migrated_sqlite, folder / "prunery.db")
    with serving(folder, min_free_disk_bytes=0, max_model_bytes=300 * MB) as running:
        yield running


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Server]:
    """A server that asks for a key."""
    folder = tmp_path_factory.mktemp("locked")
    shutil.copy(migrated_sqlite, folder / "prunery.db")
    with serving(folder, min_free_disk_bytes=0, auth="on") as running:
        yield running


def test_large_upload_takes_constant_memory(server: Server) -> None:
    files_before = files.kept_files(server.data_dir)
    before = server.peak_bytes()
    zeros = (bytes(MB) for _ in range(250))
    answer = httpx2.post(
        f"{server.url}/v1/models?filename=net.keras",
        content=zeros,
        headers=files.OCTETS,
        timeout=60,
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "file_type_mismatch")
    assert server.peak_bytes() - before < 40 * MB
    assert files.kept_files(server.data_dir) == files_before


def test_large_form_takes_constant_memory(server: Server) -> None:
    before = server.peak_bytes()
    edge = b"--edge\r\nContent-Disposition: form-data; name=file; filename=net.keras\r\n\r\n"

    def body() -> Iterator[bytes]:
        yield edge
        for _ in range(150):
            yield bytes(MB)
        yield b"\r\n--edge--\r\n"

    answer = httpx2.post(
        f"{server.url}/v1/models",
        content=body(),
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
        timeout=60,
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "file_type_mismatch")
    assert server.peak_bytes() - before < 40 * MB


def test_stranger_is_sent_away_before_the_body_is_read(locked: Server) -> None:
    with open_request(locked, "/v1/models?filename=a.keras", 10**9) as connection:
        # What goes on being sent fills the sockets' buffers, no more.
        assert push(connection, 50 * MB) < 10 * MB
        answer = read_answer(connection)
    assert answer.startswith("HTTP/1.1 401")
    assert '"code":"unauthorized"' in answer


def test_too_large_is_told_while_the_client_still_sends(server: Server) -> None:
    answer = httpx2.post(
        f"{server.url}/v1/models?filename=a.keras",
        content=iter([bytes(MB)] * 500),
        headers={**files.OCTETS, "Content-Length": str(500 * MB)},
        timeout=30,
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")


def test_body_that_ends_early_is_refused_and_leaves_nothing(server: Server) -> None:
    before = files.kept_files(server.data_dir)
    with open_request(server, "/v1/models?filename=a.keras", 1000) as connection:
        connection.sendall(b"PK" + bytes(400))
        connection.shutdown(socket.SHUT_WR)
        answer = read_answer(connection)
    assert answer == "" or "body_too_short" in answer
    _until(lambda: files.kept_files(server.data_dir) == before)


def test_silent_client_is_dropped(tmp_path: Path, migrated_sqlite: Path) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "prunery.db")
    with serving(tmp_path, min_free_disk_bytes=0, body_idle_seconds=0.5) as server:
        began = time.monotonic()
        with open_request(server, "/v1/models?filename=a.keras", 1000) as connection:
            connection.sendall(b"PK")
            answer = read_answer(connection)
        assert answer.startswith("HTTP/1.1 400")
        assert '"code":"body_too_short"' in answer
        assert time.monotonic() - began < 4
        assert files.kept_files(tmp_path) == []


@pytest.mark.parametrize(
    "request_bytes",
    [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nno header\r\n\r\n"],
    ids=["no HTTP", "a header without a colon"],
)
def test_what_is_no_request_gets_a_problem_too(server: Server, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request_bytes)
        answer = read_answer(connection)
    assert answer.startswith("HTTP/1.1 400")
    assert "application/problem+json" in answer
    assert '"code":"body_invalid"' in answer


def test_client_that_asks_first_is_answered_first(server: Server) -> None:
    path = "/v1/models?filename=a.keras"
    with open_request(server, path, 10**12, Expect="100-continue") as connection:
        answer = read_answer(connection)
    assert answer.startswith("HTTP/1.1 413")
    assert "100 Continue" not in answer


def test_key_opens_the_door_until_it_is_revoked(locked: Server) -> None:
    database = Database(f"sqlite:///{locked.data_dir / 'prunery.db'}")
    with database.session() as session:
        key_id, key = accounts.create_key(session, LOCAL_OWNER, "test")
    headers = {"Authorization": f"Bearer {key}"}
    assert httpx2.get(f"{locked.url}/v1/models", headers=headers).status_code == 200
    assert httpx2.get(f"{locked.url}/healthz").status_code == 200
    wrong = httpx2.get(f"{locked.url}/v1/models", headers={"Authorization": "Bearer prn_x"})
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, "Bearer")
    with database.session() as session:
        accounts.revoke_key(session, LOCAL_OWNER, key_id)
    database.dispose()
    assert httpx2.get(f"{locked.url}/v1/models", headers=headers).status_code == 401


def test_many_who_wait_keep_nobody_waiting(server: Server) -> None:
    model = httpx2.post(
        f"{server.url}/v1/models?filename=net.keras", content=files.model(), headers=files.OCTETS
    ).json()["id"]
    asyncio.run(_crowd(server, model))


async def _crowd(server: Server, model: str) -> None:
    limits = httpx2.Limits(max_connections=200)
    async with httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=30) as client:
        waiting = [
            asyncio.create_task(client.get(f"/v1/models/{model}", headers={"Prefer": "wait=3"}))
            for _ in range(100)
        ]
        await asyncio.sleep(1)
        for path in ("/healthz", "/v1/jobs"):
            began = time.monotonic()
            assert (await client.get(path)).status_code == 200
            assert time.monotonic() - began < 1
        answers = await asyncio.gather(*waiting)
    assert {answer.json()["status"] for answer in answers} == {"checking"}


def _until(true: object, seconds: float = 5.0) -> None:
    assert callable(true)
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
