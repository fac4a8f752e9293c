"""`prunery job explain` tells whoever is on call where a job stands, and why."""

from __future__ import annotations

from datetime import timedelta

import pytest
from typer.testing import CliRunner

from app.core import clock
from app.jobs.commands import job
from prunery.specs.errors import PruneryError
from tests.stand_in.service import Service
from worker.runner.claim import claim_job
from worker.runner.jobs import run_job


def explain(service: Service, job_id: str) -> str:
    options = ["explain", job_id, "--data", str(service.context.settings.data_dir)]
    return CliRunner().invoke(job, options, catch_exceptions=False).output


def test_a_finished_job_shows_history_levels_and_files(service: Service) -> None:
    job_id = service.add_job({"levels": 1})
    run_job(service.context, job_id)
    said = explain(service, job_id)
    assert said.startswith(f"{job_id} is succeeded: ended")
    assert "2 finished levels" in said
    assert "levels/1/model.keras" in said
    assert "'is_terminal': True" in said


def test_a_job_whose_worker_is_silent_is_named_as_such(service: Service) -> None:
    job_id = service.add_job()
    with service.context.database.session() as session:
        claim_job(session, job_id, service.context.settings, "host:1:abc")
    assert "attempt 1 by host:1:abc, which is not among the living" in explain(service, job_id)
    service.change_job(job_id, lease_until=clock.now() - timedelta(hours=1))
    assert "its lease has run out" in explain(service, job_id)


def test_a_failed_job_shows_its_error(service: Service) -> None:
    job_id = service.add_job({"problem": "training_stuck"})
    run_job(service.context, job_id)
    assert f"{job_id} is failed: training_stuck: As ordered." in explain(service, job_id)


def test_an_unknown_job_is_a_problem(service: Service) -> None:
    with pytest.raises(PruneryError, match="not_found"):
        explain(service, "job_unknown")
