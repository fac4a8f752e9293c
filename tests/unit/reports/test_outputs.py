"""Every output of several is told with its own figures, and class by class."""

from __future__ import annotations

import re

import pytest

from prunery.reports import render
from prunery.specs.recipe import Objective, Recipe
from prunery.specs.report import (
    ClassFigures,
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
                "the loss of size is above your limit",
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


def _kinds(name: str, first: str, metric: str = "accuracy") -> OutputFigures:
    """An output of two kinds, of which the first lost three right answers to the second."""
    return OutputFigures(
        name=name,
        task=Task(kind="multiclass", metric=metric, classes=(first, "other")),
        dense=reports.interval(0.8),
        compact=reports.interval(0.7),
        comparison=Comparison(
            per_class=(
                ClassFigures(name=first, examples=20, dense=0.8, compact=0.65),
                ClassFigures(name="other", examples=20, dense=0.8, compact=0.8),
            ),
            confusion_change=((-3, 3), (0, 0)),
        ),
    )


def test_every_output_with_kinds_has_tables_of_its_own() -> None:
    html = render(reports.report(outputs=(_kinds("animal", "cat"), _kinds("sound", "meow"))))
    for name, first in (("animal", "cat"), ("sound", "meow")):
        _, _, told = html.partition(f"<h3>{name}</h3>")
        assert f"“{first}”, with 3 right answers fewer of 20" in told
        assert f'<th scope="row">{first}</th><td class="r">20</td><td class="r">80.0%</td>' in told
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_kinds_are_told_where_no_answers_are_counted() -> None:
    """Balanced accuracy is chosen where kinds are rare: there they matter most."""
    balanced = _kinds("", "cat", "balanced_accuracy")
    html = render(reports.report(task=balanced.task, comparison=balanced.comparison))
    assert "“cat”, with 3 right answers fewer of 20" in html
    assert "Where the answers differ" not in html
