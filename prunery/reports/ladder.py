"""The levels as a curve, a slider and a table: what every size would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prunery.reports import picture
from prunery.reports.controls import comparable, name_of
from prunery.reports.language import Language
from prunery.reports.levels import by_size, measured, sized_by_weights, worst_allowed
from prunery.reports.measures import Measure
from prunery.reports.numbers import Numbers
from prunery.specs.report import ControlResult, Level, Report


@dataclass(frozen=True)
class Step:
    """One row of the table and one stop of the slider; `position` 0 is the largest size."""

    position: int
    level: int
    size: str
    numbers: str
    value: str
    uncertainty: str
    within: str
    why: str
    speed: str
    rivals: tuple[str, ...]
    chosen: bool
    size_bytes: int


@dataclass(frozen=True)
class Ladder:
    """Steps by size, largest first; levels are numbered as they were made.

    `shown` is the step that a reader looks at: the chosen one unless they asked for another.

    `held_out`: how many examples were kept for choosing; 0: measured on training examples.
    """

    chart: Markup
    steps: tuple[Step, ...]
    rivals: tuple[str, ...]
    shown: Step
    chosen: int
    by_weights: bool
    held_out: int

    @property
    def last(self) -> int:
        """The position of the smallest size, where the slider ends."""
        return len(self.steps) - 1


def tell(
    report: Report, measure: Measure, language: Language, shown: int | None = None
) -> Ladder | None:
    """The ladder of a finished job; None where there is nothing to draw.

    `shown`: the position of the step to look at.
    """
    levels = by_size(measured(report))
    if len(levels) < 2:
        return None
    drawn = comparable(report)
    controls = list(dict.fromkeys(result.control for result in drawn))
    steps = tuple(
        _step(position, level, controls, drawn, measure, language)
        for position, level in enumerate(levels)
    )
    chosen = next(
        (step.level for step in steps if step.chosen),
        report.chosen_level if report.chosen_level in {step.level for step in steps} else 0,
    )
    seen = next((step for step in steps if step.level == chosen), steps[0])
    if shown is not None:
        seen = steps[max(0, min(shown, len(steps) - 1))]
    chart = picture.draw(
        levels, drawn, measure, language, limit=worst_allowed(report), chosen=seen.level
    )
    names = tuple(name_of(control, language) for control in controls)
    held_out = report.data.examples.get("validation", 0)
    return Ladder(chart, steps, names, seen, chosen, sized_by_weights(levels), held_out)


def _step(
    position: int,
    level: Level,
    controls: list[str],
    drawn: Sequence[ControlResult],
    measure: Measure,
    language: Language,
) -> Step:
    assert level.metric is not None  # noqa: S101 - callers pass measured levels only
    numbers = Numbers(language)
    results = {c.control: c for c in drawn if c.level == level.level}
    return Step(
        position=position,
        level=level.level,
        size=numbers.bytes(level.size_bytes),
        numbers=numbers.integer(level.live_parameters),
        value=measure.show(level.metric.value),
        uncertainty=f"{measure.show(level.metric.low)} – {measure.show(level.metric.high)}",
        within=_within(level, language),
        why=level.why_missed or "",
        speed="" if level.latency_ms is None else numbers.milliseconds(level.latency_ms),
        rivals=tuple(
            measure.show(results[name].metric.value) if name in results else "–"
            for name in controls
        ),
        chosen=level.chosen,
        size_bytes=level.size_bytes,
    )


def _within(level: Level, language: Language) -> str:
    if level.within_limit is None:
        return "–"
    return language.gettext("yes") if level.within_limit else language.gettext("no")
