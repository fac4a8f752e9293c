"""A job's time is told before it starts: a range that whole jobs were inside of."""

from __future__ import annotations

from typing import Any

import pytest

from prunery.screening import duration
from prunery.screening.duration import Duration
from prunery.specs.datasets import DatasetOptions, DatasetSummary
from prunery.specs.models import ModelSummary, TensorInfo
from prunery.specs.presets import resolve


def expected(
    recipe: dict[str, Any] | None = None,
    *,
    shape: tuple[int, ...] = (20,),
    layers: int = 6,
    flops: int | None = 550_000,
    examples: int | None = 3_000,
) -> Duration:
    model = ModelSummary(
        name="net",
        format="keras",
        inputs=(TensorInfo(name="x", shape=shape, dtype="float32"),),
        outputs=(),
        layers=layers,
        parameters=10_000,
        flops=flops,
    )
    data = None
    if examples is not None:
        data = DatasetSummary(format="npz", arrays=(), examples={"train": examples, "test": 500})
    return duration.estimate(model, data, DatasetOptions(), resolve(recipe))


# docs/measurements.md, "Small tasks": seconds of whole jobs with the preset `balanced`.
@pytest.mark.parametrize(
    ("shape", "layers", "flops", "examples", "seconds"),
    [
        ((20,), 3, 35_000, 6_400, 15),
        ((20,), 3, 15_000, 7_200, 14),
        ((20, 3), 6, 550_000, 3_000, 35),
        ((20, 3), 4, 344_000, 3_000, 49),
        ((16, 16, 3), 12, 3_000_000, 5_000, 212),
    ],
)
def test_measured_jobs_took_what_would_have_been_told(
    shape: tuple[int, ...], layers: int, flops: int, examples: int, seconds: float
) -> None:
    told = expected(shape=shape, layers=layers, flops=flops, examples=examples)
    assert told.least_seconds < seconds < told.most_seconds
    assert told.most_seconds < 8 * told.least_seconds


def test_many_small_layers_take_longer_than_their_arithmetic() -> None:
    """25 layers of separable convolutions and BatchNorm: 12.5 ms a step, 2.3 of them arithmetic."""
    flat = expected(shape=(768,), layers=25, flops=473_472, examples=1_800)
    image = expected(shape=(16, 16, 3), layers=25, flops=473_472, examples=1_800)
    assert image.most_seconds > 3 * flat.most_seconds


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"preset": "quick"}, {"preset": "balanced"}),
        ({"training": {"epochs": 5}}, {"training": {"epochs": 50}}),
        ({"start": "trained"}, {"start": "untrained"}),
        ({"controls": []}, {}),
        ({}, {"controls_on": "every"}),
        ({}, {"replicates": 5}),
        ({"schedule": {"rounds": 2}}, {}),
        (
            {"granularity": "n:m", "n_m": [2, 4], "controls": []},
            {"granularity": "weight", "controls": []},
        ),
        (
            {"objective": {"parameters_ratio": 0.7}},
            {"objective": {"parameters_ratio": 0.1}},
        ),
        (
            {"training": {"epochs": 9, "retrain_epochs": 3}},
            {"training": {"epochs": 9, "retrain_epochs": 9}},
        ),
    ],
    ids=str,
)
def test_a_recipe_that_asks_for_more_takes_longer(
    less: dict[str, Any], more: dict[str, Any]
) -> None:
    assert expected(less).most_seconds < expected(more).most_seconds


def test_without_training_or_data_only_the_cuts_take_time() -> None:
    bare = {"training": {"epochs": 0}}
    assert expected(bare, examples=None) == expected(bare)
    assert expected(bare).most_seconds < 30


def test_a_free_dimension_leaves_a_guess_by_the_parameters() -> None:
    assert expected(flops=None) == expected(flops=20_000)


def test_jobs_of_about_this_length_correct_the_range() -> None:
    told = expected()
    slow = [(told, 3 * told.middle)] * 3
    far = Duration(least_seconds=1e6, most_seconds=1e6)
    assert duration.corrected(told, slow[:2]) == told
    assert duration.corrected(told, [*slow[:2], (far, 1.0)]) == told
    here = duration.corrected(told, [*slow, (far, 1.0)])
    assert here.measured_jobs == 3
    assert here.least_seconds == pytest.approx(3 * told.least_seconds)
    assert here.most_seconds == pytest.approx(3 * told.most_seconds)
