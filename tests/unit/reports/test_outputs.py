"""Every output of several is told with its own figures, and class by class."""

from __future__ import annotations

import pytest

from prunery.reports import render
from prunery.specs.recipe import Objective, Recipe
from prunery.specs.report import (
    Comparison,
    Interval,
    OutputFigures,
    Task,
)
from tests.factories import reports


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        (
            "en",
            [
                "size",
                "Mean absolute error",
                "0.100 higher",
                "5.0%",
                "above your limit",
                "size lost",
            ],
        ),
        ("ru", ["size", "Средняя ошибка", "Выход size потерял", "0,100 выше", "5,0"]),
    ],
)
def test_every_output_of_several_is_told_with_its_own_limit(locale: str, said: list[str]) -> None:
    """The main one stays within the limit, and the other does not."""
    error = Task(
        kind="regression", metric="mae", metric_higher_is_better=False, drop_is_relative=True
    )
    difference = Interval(value=0.1, low=0.02, high=0.2)
    kind, size = (
        OutputFigures(
            name=name,
            task=task,
            dense=reports.interval(1.0),
            compact=reports.interval(1.1),
            comparison=found,
        )
        for name, task, found in (
            ("kind", reports.report().task, reports.comparison()),
            ("size", error, Comparison(difference=difference, allowed_drop=0.05)),
        )
    )
    smallest = reports.levels()[-1].model_copy(
        update={
            "within_limit": False,
            "why_missed": "The output size lost too much: mae 1.1, 1 before.",
        }
    )
    recipe = Recipe(objective=Objective(max_metric_drop=0.05))
    report = reports.report(
        outputs=(kind, size),
        levels=(*reports.levels()[:-1], smallest),
        method=reports.report().method.model_copy(update={"recipe": recipe}),
    )
    html = render(report, locale=locale)
    for words in said:
        assert words in html
    assert "above your limit" not in render(report.model_copy(update={"outputs": ()}))
