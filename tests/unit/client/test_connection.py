"""A client's connection: patient where it reads, careful where it writes, honest about problems."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from prunery.connection import Connection, RemoteError, parse
from prunery.specs.errors import PruneryError
from prunery.specs.models import TensorInfo
from tests.unit.client.rude_server import Answer, serving

PROBLEM = {
    "type": "urn:prunery:problem:dataset_invalid",
    "title": "The dataset does not add up",
    "status": 422,
    "detail": "y_train holds NaN",
    "code": "dataset_invalid",
    "hint": "Clean it.",
    "request_id": "req_1",
    "errors": [{"pointer": "/y_train", "message": "NaN at 3"}],
}


class Naps:
    """Counts the seconds that would be slept, and sleeps none."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def naps() -> Iterator[Naps]:
    return Naps()


def test_reading_survives_a_restart(naps: Naps) -> None:
    gone = Answer(body=b"x" * 100, hang_up=True)
    with serving(Answer(), gone, Answer(503), Answer(body=b'{"a": 1}')) as server:
        connection = Connection(server.url, sleep=naps)
        connection.get("/v1/limits")
        assert connection.get("/v1/limits").json() == {"a": 1}
        connection.close()
    assert len(naps.seconds) == 2


def test_reading_waits_as_long_as_it_is_told(naps: Naps) -> None:
    with serving(Answer(429, headers={"Retry-After": "7"}), Answer()) as server:
        connection = Connection(server.url, sleep=naps)
        connection.get("/v1/jobs")
        connection.close()
    assert naps.seconds == [7.0]


def test_writing_is_never_sent_twice(naps: Naps) -> None:
    with serving(Answer(503, json.dumps({**PROBLEM, "status": 503}).encode()), Answer()) as server:
        connection = Connection(server.url, sleep=naps)
        with pytest.raises(PruneryError):
            connection.send("POST", "/v1/jobs", json={})
        connection.close()
        assert len(server.received) == 1


def test_a_problem_arrives_whole() -> None:
    with serving(Answer(422, json.dumps({**PROBLEM, "new_field": 1}).encode())) as server:
        connection = Connection(server.url)
        with pytest.raises(RemoteError) as caught:
            connection.get("/v1/datasets/dst_1")
        connection.close()
    assert caught.value.code == "dataset_invalid"
    assert json.loads(caught.value.problem().model_dump_json(exclude_none=True)) == PROBLEM


def test_a_code_from_a_newer_server_is_kept_in_the_document() -> None:
    newer = {**PROBLEM, "code": "moon_phase", "type": "urn:prunery:problem:moon_phase"}
    with serving(Answer(422, json.dumps(newer).encode())) as server:
        connection = Connection(server.url)
        with pytest.raises(RemoteError) as caught:
            connection.get("/v1/limits")
        connection.close()
    assert caught.value.code == "internal"
    assert caught.value.problem().code == "moon_phase"


def test_an_answer_that_is_not_prunerys_says_so() -> None:
    with serving(Answer(404, b"<html>nginx</html>")) as server:
        connection = Connection(server.url)
        with pytest.raises(PruneryError, match="not as Prunery would") as caught:
            connection.get("/v1/limits")
        connection.close()
    assert caught.value.code == "not_found"


def test_a_server_that_is_not_there_says_what_to_do(naps: Naps) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    connection = Connection(url, sleep=naps)
    with pytest.raises(PruneryError, match="does not answer") as caught:
        connection.get("/v1/limits")
    connection.close()
    assert caught.value.code == "service_unavailable"
    assert naps.seconds == []
    assert "prunery up" in caught.value.hint


def test_address_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Answer()) as server:
        monkeypatch.setenv("PRUNERY_URL", server.url + "/")
        monkeypatch.setenv("PRUNERY_KEY", "secret")
        connection = Connection()
        connection.get("/v1/limits")
        connection.close()
        assert server.received[0].headers["Authorization"] == "Bearer secret"
        assert server.received[0].path == "/v1/limits"


def test_fields_of_a_newer_server_are_passed_over() -> None:
    body = {"name": "x", "shape": [28, None], "dtype": "float32", "layout": "NHWC"}
    with serving(Answer(body=json.dumps(body).encode())) as server:
        connection = Connection(server.url)
        found = parse(TensorInfo, connection.get("/"))
        connection.close()
    assert found == TensorInfo(name="x", shape=(28, None), dtype="float32")
