"""A certificate that fails withholds the network; one that is merely silent does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.checker import check
from tests.engine import jobs
from worker.engine.lottery import finish, reopening
from worker.engine.lottery.finish import is_refuted
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
