"""The levels as a curve, a slider and a table: what every size would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prunery.reports.charts import curve
from prunery.reports.facts import change_in_words
from prunery.reports.language import Language
from prunery.reports.measures import Measure, is_finite
from prunery.reports.numbers import Numbers
from prunery.specs.report import ControlResult, Level, Report

VOICES = {"fresh_small": "fresh", "fresh_same_scale": "fresh"}
"""Which drawing voice a control has; the others are `random`."""

KILOBYTE, MEGABYTE = 1e3, 1e6


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
class Control:
    """A rival of the step at `position`; `difference` is what our choice of parts gained on it."""

    name: str
    position: int
    value: str
    numbers: str
    difference: str
    note: str


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


def control_name(control: str, language: Language) -> str:
    """A control experiment in a few words."""
    names = {
        "fresh_small": language.gettext("small net, fresh start"),
        "fresh_same_scale": language.gettext("same shape, fresh start"),
        "random_units": language.gettext("random removal"),
        "random_mask": language.gettext("random removal"),
    }
    return names.get(control, control.replace("_", " "))


def tell(
    report: Report, measure: Measure, language: Language, shown: int | None = None
) -> Ladder | None:
    """The ladder of a finished job; None where there is nothing to draw.

    `shown`: the position of the step to look at.
    """
    measured = [level for level in report.levels if is_finite(level.metric)]
    if len(measured) < 2:
        return None
    levels = _by_size(measured)
    by_weights = _by_weights(levels)
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
    picture = draw(
        levels,
        drawn,
        measure,
        language,
        limit=limit_of_levels(report),
        chosen=seen.level,
    )
    names = tuple(control_name(control, language) for control in controls)
    held_out = report.data.examples.get("validation", 0)
    return Ladder(picture, steps, names, seen, chosen, by_weights, held_out)


def _by_size(levels: Sequence[Level]) -> list[Level]:
    """Level 0 first, then from the largest to the smallest: steps may go back up after a miss."""
    first, *others = sorted(levels, key=lambda level: level.level)
    return [first, *sorted(others, key=lambda one: (-one.live_parameters, one.level))]


def comparable(report: Report) -> tuple[ControlResult, ...]:
    """The controls that were measured on the same examples as the levels."""
    return tuple(
        one for one in report.controls if "test" not in (one.note or "") and is_finite(one.metric)
    )


def controls(report: Report, measure: Measure, language: Language) -> tuple[Control, ...]:
    """Every control experiment as a row."""
    measured = [level for level in report.levels if is_finite(level.metric)]
    places = {level.level: n for n, level in enumerate(_by_size(measured))} if measured else {}
    return tuple(
        Control(
            control_name(one.control, language),
            places.get(one.level, one.level),
            measure.show(one.metric.value),
            measure.numbers.integer(one.parameters),
            change_in_words(one.difference, measure, language) if one.difference else "–",
            one.note or "",
        )
        for one in report.controls
    )


def draw(
    levels: Sequence[Level],
    controls: Sequence[ControlResult],
    measure: Measure,
    language: Language,
    *,
    limit: float | None,
    chosen: int | None,
) -> Markup:
    """The curve of measured levels, level 0 first; also of a job that still runs."""
    levels = _by_size(levels)
    by_weights = _by_weights(levels)
    unit = _unit(levels)
    points = tuple(_point(level, by_weights, unit, language) for level in levels)
    index = next((i for i, level in enumerate(levels) if level.level == chosen), None)
    sizes = {level.level: point.size for level, point in zip(levels, points, strict=True)}
    label = ""
    if index is not None:
        label = f"{_size(levels[index], by_weights, language)}, {measure.show(points[index].value)}"
    return curve.draw(
        curve.Curve(
            title=language.gettext("%(measure)s at each size", measure=measure.name),
            description=_finding(levels, index, controls, measure, language),
            points=points,
            format_value=measure.show_tick,
            x_caption=_caption(by_weights, unit, language),
            x_end=language.pgettext("axis", "smaller"),
            ladder_label=language.pgettext("chart", "your model"),
            higher_is_better=measure.higher_is_better,
            limit=limit,
            limit_label=""
            if limit is None
            else language.gettext("limit %(value)s", value=measure.show(limit)),
            dense_label=language.pgettext("chart", "before"),
            chosen=index,
            chosen_label=label,
            rivals=_rivals(controls, sizes, language),
        )
    )


def _point(level: Level, by_weights: bool, unit: float, language: Language) -> curve.Point:
    assert level.metric is not None  # noqa: S101 - callers pass measured levels only
    size = float(level.live_parameters if by_weights else level.size_bytes)
    numbers = Numbers(language)
    tick = numbers.percent(level.density) if by_weights else numbers.significant(size / unit)
    return curve.Point(
        max(size, 1.0), level.metric.value, level.metric.low, level.metric.high, tick
    )


def _by_weights(levels: Sequence[Level]) -> bool:
    """Masks shrink no file: there the numbers that are left are the size."""
    files = max(level.size_bytes for level in levels) / min(level.size_bytes for level in levels)
    live = [max(level.live_parameters, 1) for level in levels]
    return files < 1.15 and max(live) / min(live) > 1.3


def _size(level: Level, by_weights: bool, language: Language) -> str:
    numbers = Numbers(language)
    if by_weights:
        return language.gettext("%(percent)s left", percent=numbers.percent(level.density))
    return numbers.bytes(level.size_bytes)


def _caption(by_weights: bool, unit: float, language: Language) -> str:
    if by_weights:
        return language.gettext("weights that are left")
    if unit == KILOBYTE:
        return language.gettext("file size, kB")
    return language.gettext("file size, MB")


def _unit(levels: Sequence[Level]) -> float:
    """One unit for the whole axis, so that the largest file is a number above one."""
    return MEGABYTE if max(level.size_bytes for level in levels) >= MEGABYTE else KILOBYTE


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


def limit_of_levels(report: Report) -> float | None:
    """The worst figure that was still allowed, on validation examples."""
    allowed = report.method.recipe.objective.max_metric_drop
    dense = next((level for level in report.levels if level.level == 0), None)
    if allowed is None or dense is None or dense.metric is None:
        return None
    if report.task.drop_is_relative:
        allowed *= abs(dense.metric.value)
    return (
        dense.metric.value - allowed
        if report.task.metric_higher_is_better
        else (dense.metric.value + allowed)
    )


def _rivals(
    controls: Sequence[ControlResult], sizes: dict[int, float], language: Language
) -> tuple[curve.Rival, ...]:
    rivals = []
    for control in dict.fromkeys(result.control for result in controls):
        results = sorted(
            (r for r in controls if r.control == control and r.level in sizes),
            key=lambda result: result.level,
        )
        if results:
            placed = tuple((sizes[r.level], r.metric.value) for r in results)
            voice = VOICES.get(control, "random")
            rivals.append(curve.Rival(control_name(control, language), voice, placed))
    return tuple(rivals)


def _finding(
    levels: Sequence[Level],
    chosen: int | None,
    controls: Sequence[ControlResult],
    measure: Measure,
    language: Language,
) -> str:
    """What the eye would see, as a sentence or three."""
    said = []
    numbers = Numbers(language)
    for words, index in (
        (language.gettext("%(value)s at %(size)s, before anything was removed."), 0),
        (language.gettext("%(value)s at %(size)s, the size shown."), chosen),
        (language.gettext("%(value)s at %(size)s, the smallest."), len(levels) - 1),
    ):
        level = None if index is None else levels[index]
        if level is not None and level.metric is not None:
            size = numbers.bytes(level.size_bytes)
            said.append(words % {"value": measure.show(level.metric.value), "size": size})
    if chosen is not None:
        said += [
            language.gettext(
                "%(control)s at the size shown: %(value)s.",
                control=control_name(result.control, language).capitalize(),
                value=measure.show(result.metric.value),
            )
            for result in controls
            if result.level == levels[chosen].level
        ]
    return " ".join(said)
