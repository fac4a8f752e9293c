"""A certificate that fails withholds the network; one that is merely silent does not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from prunery.specs.report import ControlResult, Interval
from tests.acceptance.checker import check
from tests.engine import jobs
from worker.engine.evaluation import Metric
from worker.engine.lottery import limits, reopening
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.controls import Controls, Rival, winner
from worker.engine.lottery.results import finish
from worker.engine.lottery.results.finish import is_refuted
from worker.engine.lottery.trials import Trial


def test_silence_and_amplified_rounding_refute_nothing() -> None:
    silent = {"verdict": "not_proven", "max_abs_diff_float64": 0.0}
    amplified = {
        "verdict": "not_proven",
        "max_abs_diff_float64": 0.5,
        "local": {"max_rel_diff_native": 1e-6},
    }
    assert not is_refuted(silent)
    assert not is_refuted(amplified)
    assert is_refuted({**amplified, "local": {"max_rel_diff_native": 0.1}})


def test_a_wrong_network_is_withheld_and_the_dense_one_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bias changed on the way to disk stands for a wrong rule of ours."""

    def wrong_full_size(bench: object, trial: Trial) -> object:
        model = reopening.full_size(bench, trial)  # type: ignore[arg-type]
        if trial.compacted.keep:
            bias = model.layers[-1].bias
            bias.assign(np.asarray(bias) + np.linspace(0, 3, bias.shape[0]))
        return model

    monkeypatch.setattr(finish, "full_size", wrong_full_size)
    done = jobs.prune(tmp_path, {"objective": {}})
    assert done.report.chosen_level == 0
    assert done.report.compact.parameters == done.report.dense.parameters
    assert any("withheld" in warning for warning in done.report.warnings)
    assert check(done.model, done.out) == []


def test_a_control_that_wins_is_shipped_if_it_is_no_larger_and_hurts_no_other_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = SimpleNamespace(
        facts={},
        metric=Metric("accuracy", "multiclass", ""),
        dataset=SimpleNamespace(validation=[0]),
    )
    ours = Interval(value=0.8, low=0.7, high=0.9)

    def rival(control: Any, value: float, parameters: int) -> Rival:
        found = Interval(value=value, low=0.0, high=1.0)
        result = ControlResult(level=1, control=control, metric=found, parameters=parameters)
        trial = SimpleNamespace(compacted=SimpleNamespace(model=control))
        return Rival(result, cast(Trial, trial))

    worse, larger = rival("fresh_small", 0.8, 90), rival("random_mask", 0.95, 101)
    best = rival("fresh_same_scale", 0.9, 100)
    assert winner(cast(Bench, bench), ours, 100, [worse, best, larger]) is best
    assert winner(cast(Bench, bench), ours, 100, [worse, larger]) is None
    monkeypatch.setattr(limits, "others_hold", lambda _, model: model != "fresh_same_scale")
    assert winner(cast(Bench, bench), ours, 100, [worse, best, larger]) is None


@pytest.mark.parametrize("within", [True, False])
def test_a_control_beyond_the_limit_is_not_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, within: bool
) -> None:
    """Few validation examples are its luck: on training examples it may have lost too much."""
    miss = limits.Miss(Metric("accuracy", "multiclass", ""), "")
    real = Controls.run

    def run(self: Controls, *given: Any) -> list[Rival]:
        rivals = real(self, *given)
        monkeypatch.setattr(limits, "missed", lambda *_: None if within else miss)
        return rivals

    monkeypatch.setattr(Controls, "run", run)
    monkeypatch.setattr(limits, "missed", lambda *_: None)
    monkeypatch.setattr(finish, "winner", lambda *given: next(iter(given[-1]), None))
    recipe = {"controls": ["random_units"], "schedule": {"rounds": 1}}
    done = jobs.prune(tmp_path, {"objective": {"max_metric_drop": 0.5}, **recipe})
    assert len(done.report.controls) == 1
    assert (done.report.verdict.shipped == "random_units") == within


def test_fresh_weights_under_the_tickets_mask_are_handed_over_where_they_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finish, "winner", lambda *given: given[-1][0])
    recipe = jobs.merged(
        jobs.WEIGHTS, {"controls": ["fresh_same_scale"], "schedule": {"rounds": 1}}
    )
    done = jobs.prune(tmp_path, recipe)
    assert done.report.verdict.shipped == "fresh_same_scale"
    assert any(told.startswith("The same network on fresh") for told in done.report.warnings)
    assert check(done.model, done.out) == []
