"""Random requests after the OpenAPI document: no 500, and every answer as the document says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.core import migrate
from tests.integration.api.live import ROOT, Server, serving
from tests.services import postgres

CHECKS: list[Any] = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
schema = schemathesis.openapi.from_path(ROOT / "docs" / "openapi.json")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Server]:
    """On Postgres, which takes less than SQLite does."""
    folder = tmp_path_factory.mktemp("contract")
    with postgres.database(postgres_url) as url:
        migrate.upgrade(url)
        with serving(folder, min_free_disk_bytes=0, database_url=url) as running:
            yield running


@schema.parametrize()
@settings(
    max_examples=6,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_random_request_is_answered_as_documented(case: Case, server: Server) -> None:
    answer = case.call_and_validate(base_url=server.url, checks=CHECKS, timeout=20)
    if not 200 <= answer.status_code < 300:
        assert answer.headers["content-type"] == ["application/problem+json"]
