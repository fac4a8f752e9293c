"""The control experiments: what each is called, and how far our choice of parts beat it."""

from __future__ import annotations

from dataclasses import dataclass

from prunery.reports.facts import change_in_words
from prunery.reports.language import Language
from prunery.reports.levels import by_size, measured
from prunery.reports.measures import Measure, is_finite
from prunery.specs.report import ControlResult, Report


@dataclass(frozen=True)
class Control:
    """A rival of the step at `position`; `difference` is what our choice of parts gained on it."""

    name: str
    position: int
    value: str
    numbers: str
    difference: str
    note: str


def rows(report: Report, measure: Measure, language: Language) -> tuple[Control, ...]:
    """Every control experiment as a row."""
    places = {level.level: n for n, level in enumerate(by_size(measured(report)))}
    return tuple(
        Control(
            name_of(one.control, language),
            places.get(one.level, one.level),
            measure.show(one.metric.value),
            measure.numbers.integer(one.parameters),
            change_in_words(one.difference, measure, language) if one.difference else "–",
            one.note or "",
        )
        for one in report.controls
    )


def name_of(control: str, language: Language) -> str:
    """A control experiment in a few words."""
    names = {
        "fresh_small": language.gettext("small net, fresh start"),
        "fresh_same_scale": language.gettext("same shape, fresh start"),
        "random_units": language.gettext("random removal"),
        "random_mask": language.gettext("random removal"),
    }
    return names.get(control, control.replace("_", " "))


def comparable(report: Report) -> tuple[ControlResult, ...]:
    """The controls that were measured on the same examples as the levels."""
    return tuple(
        one for one in report.controls if "test" not in (one.note or "") and is_finite(one.metric)
    )
