"""Imports run one way, and the web service starts light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("tensorflow", "keras", "h5py", "celery", "PIL", "onnx", "worker")


def test_import_contracts_hold() -> None:
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_app_starts_without_tensorflow() -> None:
    """Importing it takes longer than all the rest of a start."""
    assert not _loaded("import app.main") & set(HEAVY)


def test_no_command_waits_for_what_another_one_needs() -> None:
    needed = {*HEAVY, "sqlalchemy", "alembic", "fastapi"} - {"worker"}  # whose commands join
    assert not _loaded("from prunery.cli import build; build()") & needed


@pytest.mark.parametrize("module", ["prunery.client", "prunery.cli", "prunery.specs.recipe"])
def test_client_needs_neither_app_nor_database(module: str) -> None:
    assert not _loaded(f"import {module}") & {*HEAVY, "app", "sqlalchemy", "fastapi"}


def _loaded(program: str) -> set[str]:
    """The packages that a fresh interpreter holds once it has run `program`."""
    program += "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}
