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


def test_app_starts_without_tensorflow_in_under_two_seconds() -> None:
    best, loaded = min(_import("app.main") for _ in range(3))
    assert not loaded & set(HEAVY)
    assert best < 2.0


@pytest.mark.parametrize("module", ["prunery.client", "prunery.cli", "prunery.specs.recipe"])
def test_client_needs_neither_app_nor_database(module: str) -> None:
    _, loaded = _import(module)
    assert not loaded & {*HEAVY, "app", "sqlalchemy", "fastapi"}


def _import(module: str) -> tuple[float, set[str]]:
    """Processor seconds of a fresh interpreter that imports `module`, and the packages it holds.

    Not the clock's seconds: the machine may be busy with other tests.
    """
    program = (
        f"import sys, json, time, {module}\n"
        "print(json.dumps([time.process_time(), sorted(sys.modules)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, names = json.loads(done.stdout)
    return float(seconds), {name.partition(".")[0] for name in names}
