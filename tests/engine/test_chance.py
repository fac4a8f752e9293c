"""A model that learned nothing is told so before any level is made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.engine import jobs


def test_labels_that_are_noise_end_the_job_after_the_dense_model(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    path = tmp_path / "noise.npz"
    x, y = draw.normal(size=(2000, 6)).astype("float32"), draw.integers(0, 3, 2000)
    np.savez(path, x_train=x[:1600], y_train=y[:1600], x_test=x[1600:], y_test=y[1600:])
    report = jobs.prune(tmp_path, {"objective": {"max_metric_drop": 0.01}}, dataset=path).report
    assert report.verdict.outcome == "at_chance"
    assert [level.level for level in report.levels] == [0]
    assert report.compact.parameters == report.dense.parameters
    assert any("no better than guessing" in warning for warning in report.warnings)
    found = report.comparison.difference
    assert found is not None
    assert (found.low, found.value, found.high) == (0, 0, 0), "it is the same model"


def test_a_model_that_learned_goes_on_and_that_it_was_not_done_is_told(tmp_path: Path) -> None:
    report = jobs.prune(tmp_path, {"objective": {"max_metric_drop": 0.5}}).report
    assert report.verdict.outcome == "smaller"
    told = [warning for warning in report.warnings if "still gaining" in warning]
    assert len(told) == 1, "four epochs are few"
