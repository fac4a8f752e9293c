"""The levels and their controls as a curve: a finished job's, or one's that still runs."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from prunery.reports.charts import curve
from prunery.reports.controls import name_of
from prunery.reports.language import Language
from prunery.reports.levels import by_size, sized_by_weights
from prunery.reports.measures import Measure
from prunery.reports.numbers import Numbers
from prunery.specs.report import ControlResult, Level

VOICES = {"fresh_small": "fresh", "fresh_same_scale": "fresh"}
"""Which drawing voice a control has; the others are `random`."""

KILOBYTE, MEGABYTE = 1e3, 1e6


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
    levels = by_size(levels)
    by_weights = sized_by_weights(levels)
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
            rivals.append(curve.Rival(name_of(control, language), voice, placed))
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
                control=name_of(result.control, language).capitalize(),
                value=measure.show(result.metric.value),
            )
            for result in controls
            if result.level == levels[chosen].level
        ]
    return " ".join(said)
