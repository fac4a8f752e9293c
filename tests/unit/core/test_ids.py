"""Ids sort by time, name their kind, and fit the pattern that paths are checked by."""

from __future__ import annotations

import time

import pytest

from app.core import ids


def test_ids_sort_by_the_time_they_were_made() -> None:
    made = []
    for _ in range(5):
        made.append(ids.new("job"))
        time.sleep(0.002)
    assert made == sorted(made)
    assert len(set(made)) == 5


@pytest.mark.parametrize(
    "text", ["job_", "job_../../etc/passwd", "mdl_" + "0" * 26, "job_" + "u" * 26]
)
def test_what_is_no_job_id_is_not_taken_for_one(text: str) -> None:
    assert ids.is_valid(ids.new("job"), "job")
    assert not ids.is_valid(text, "job")
