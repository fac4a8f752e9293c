"""The OpenAPI document is a contract: it changes on purpose or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.http import openapi
from app.main import create_app

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"
HOW = "run `python -m app.main > docs/openapi.json` and read the difference"


def test_document_is_the_committed_one() -> None:
    assert openapi.text(create_app()) == SNAPSHOT.read_text(), HOW


def test_every_operation_has_words_and_one_kind_of_error() -> None:
    document: dict[str, Any] = json.loads(SNAPSHOT.read_text())
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), (method, path)
            errors = [code for code in operation["responses"] if code[0] in "45"]
            assert errors == [], (method, path)
            assert "application/problem+json" in operation["responses"]["default"]["content"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_reference_leads_somewhere() -> None:
    text = SNAPSHOT.read_text()
    document: dict[str, Any] = json.loads(text)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])
