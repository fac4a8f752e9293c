"""A job's memory grows with its model, not with the copies that it might make of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import memory


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_whole_job_stays_within_a_few_times_its_weights(tmp_path: Path) -> None:
    """Six times at 40 MiB, libraries being two of them; with all copies in memory, thirteen."""
    recipe = '{"schedule": {"rounds": 2}}'
    found = memory.measure(tmp_path, ["--net", "dense", "--mib", "40", "--recipe", recipe])
    assert found["weights_bytes"] > 40_000_000
    assert found["peak_ratio"] < 8
