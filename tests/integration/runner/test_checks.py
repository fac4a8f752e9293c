"""Uploads become ready or rejected; a rejected one leaves no bytes behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand_in.service import Service
from worker.runner import supervise
from worker.runner.checks import run_check
from worker.runner.context import Context


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(supervise, "ENTER", "tests.stand_in.enter")
    made = Service.make(tmp_path, check_deadline_seconds=1, stop_grace_seconds=0.5)
    yield made
    made.close()


def check(context: Context, row_id: str) -> None:
    run_check(context, "model" if row_id.startswith("mdl") else "dataset", row_id)


def test_a_sound_upload_becomes_ready_with_its_summary(either: Service) -> None:
    model_id = either.add_model(status="checking")
    dataset_id = either.add_dataset(status="checking")
    for row_id in (model_id, dataset_id):
        check(either.context, row_id)
        assert either.upload(row_id).status == "ready"
        assert either.upload(row_id).check_lease_until is None
    model, dataset = either.upload(model_id), either.upload(dataset_id)
    assert model.summary is not None
    assert model.summary["parameters"] == 7
    assert model.prunability is not None  # type: ignore[union-attr]
    assert dataset.summary is not None
    assert dataset.summary["examples"] == {"train": 3}


def test_a_refused_upload_says_why_and_leaves_no_bytes(service: Service) -> None:
    row_id = service.add_dataset(b"bad", status="checking", request_id="req-7")
    check(service.context, row_id)
    row = service.upload(row_id)
    assert row.status == "rejected"
    assert row.error is not None
    assert (row.error["code"], row.error["request_id"]) == ("dataset_invalid", "req-7")
    assert service.context.storage.size(row.storage_key) is None
    assert row.deleted_at is not None


@pytest.mark.parametrize(("content", "attempts"), [(b"crash", 3), (b"nonsense", 1)])
def test_an_upload_that_breaks_the_engine_is_refused_in_the_end(
    service: Service, content: bytes, attempts: int
) -> None:
    row_id = service.add_model(content, status="checking")
    for _ in range(4):
        check(service.context, row_id)
    row = service.upload(row_id)
    assert row.error is not None
    assert (row.status, row.error["code"]) == ("rejected", "engine_crashed")
    assert row.check_attempt == attempts
    assert service.context.storage.size(row.storage_key) is None


def test_an_inspection_without_end_is_ended(impatient: Service) -> None:
    row_id = impatient.add_dataset(b"slow", status="checking")
    check(impatient.context, row_id)
    row = impatient.upload(row_id)
    assert row.error is not None
    assert (row.status, row.error["code"]) == ("rejected", "deadline_exceeded")


def test_an_inspection_is_done_once(service: Service) -> None:
    row_id = service.add_model(status="checking")
    check(service.context, row_id)
    check(service.context, row_id)
    assert service.upload(row_id).check_attempt == 1
