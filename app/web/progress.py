"""A running job in human words: five steps, how far, how long, and the curve so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from prunery.reports import picture
from prunery.reports.language import Language
from prunery.reports.measures import Measure
from prunery.reports.numbers import Numbers
from prunery.specs.job import JobView, LevelView, Status
from prunery.specs.report import TOLD_AS_TIMES, Interval, Level

STEPS: dict[str, tuple[str, ...]] = {
    "checking": ("checking",),
    "learning": ("dense",),
    "removing": ("pruning", "rewinding", "retraining"),
    "testing": ("compacting", "certifying", "controls"),
    "packing": ("exporting", "reporting"),
}


@dataclass(frozen=True)
class Step:
    """One of the five; `state` is also said in words, never by colour alone."""

    name: str
    state: Literal["done", "now", "later"]


@dataclass(frozen=True)
class Progress:
    """Everything the running page prints."""

    heading: str
    time_left: str
    steps: tuple[Step, ...]
    percent: int
    so_far: str
    chart: Markup
    spoken: str


def tell(
    job: JobView, levels: Sequence[LevelView], measure: Measure, language: Language
) -> Progress:
    """What a person wants to know while they wait."""
    current = _step_of(job.stage)
    return Progress(
        heading=_heading(job, current, language),
        time_left=_time_left(job, language),
        steps=_steps(job, current, language),
        percent=min(99, int(job.progress * 100)),
        so_far=_so_far(levels, language),
        chart=_chart(job, levels, measure, language),
        spoken=_spoken(levels, language),
    )


def _step_of(stage: str | None) -> str | None:
    return next((step for step, stages in STEPS.items() if stage in stages), None)


def _heading(job: JobView, current: str | None, language: Language) -> str:
    say = language.gettext
    waiting = {
        Status.QUEUED: _queued(job, language),
        Status.PAUSED: say("Paused"),
        Status.CANCELLING: say("Stopping"),
    }
    if job.status in waiting:
        return waiting[job.status]
    if current == "removing" and job.level and job.levels:
        return say(
            "Step %(level)s of %(levels)s: training again", level=job.level, levels=job.levels
        )
    headings = {
        "checking": say("Checking your files"),
        "learning": say("Training your model at full size"),
        "removing": say("Removing and training again"),
        "testing": say("Testing the smaller model"),
        "packing": say("Packing the files"),
    }
    return headings.get(current or "", say("Working"))


def _queued(job: JobView, language: Language) -> str:
    ahead = (job.queue_position or 1) - 1
    if ahead <= 0:
        return language.gettext("Waiting to start: it is your turn next")
    return language.ngettext(
        "Waiting to start: %(count)s job is ahead",
        "Waiting to start: %(count)s jobs are ahead",
        ahead,
    )


def _time_left(job: JobView, language: Language) -> str:
    if job.status != Status.RUNNING or job.eta_seconds is None:
        return ""
    left = Numbers(language).time_left(job.eta_seconds)
    return language.gettext("About %(time)s left", time=left)


def _names(language: Language) -> dict[str, str]:
    return {
        "checking": language.gettext("Check the files"),
        "learning": language.gettext("Learn from the examples"),
        "removing": language.gettext("Remove a little and train again"),
        "testing": language.gettext("Test what that changed"),
        "packing": language.gettext("Pack the smaller model"),
    }


def stage_in_words(stage: str | None, language: Language) -> str:
    """The step that a stage is part of; a stage that no step knows keeps its name."""
    return _names(language).get(_step_of(stage) or "", stage or "")


def _steps(job: JobView, current: str | None, language: Language) -> tuple[Step, ...]:
    names = _names(language)
    order = list(names)
    at = order.index(current) if current else (0 if job.status == Status.RUNNING else -1)
    states: list[Literal["done", "now", "later"]] = [
        "done" if index < at else "now" if index == at else "later" for index in range(len(order))
    ]
    if job.levels and current == "removing" and job.level:
        names["removing"] += language.gettext(
            " (%(level)s of %(levels)s)", level=job.level, levels=job.levels
        )
    return tuple(Step(names[name], state) for name, state in zip(order, states, strict=True))


def _so_far(levels: Sequence[LevelView], language: Language) -> str:
    """'already 4.1 times smaller', of levels that stay within the limit."""
    fine = [level for level in levels if level.within_limit is not False]
    if len(fine) < 2:
        return ""
    dense = fine[0].figures.size_bytes
    ratio = dense / max(min(level.figures.size_bytes for level in fine), 1)
    if ratio < TOLD_AS_TIMES:
        return ""
    return language.gettext("already %(times)s smaller", times=Numbers(language).times(ratio, 2))


def _spoken(levels: Sequence[LevelView], language: Language) -> str:
    """One sentence per finished level, for the live region."""
    if not levels:
        return ""
    count = len(levels) - 1
    if count == 0:
        return language.gettext("Your model is trained at full size.")
    said = language.ngettext("%(count)s size is done", "%(count)s sizes are done", count)
    so_far = _so_far(levels, language)
    return f"{said}, {so_far}." if so_far else f"{said}."


def _chart(
    job: JobView, levels: Sequence[LevelView], measure: Measure, language: Language
) -> Markup:
    measured = [_level(level) for level in levels if level.figures.metric is not None]
    if len(measured) < 2:
        return Markup("")
    return picture.draw(
        measured, (), measure, language, limit=_limit(job, measured[0], measure), chosen=None
    )


def _limit(job: JobView, dense: Level, measure: Measure) -> float | None:
    allowed = job.recipe.objective.max_metric_drop
    if allowed is None or dense.metric is None or measure.kind != "answers":
        return None
    return dense.metric.value - allowed


def _level(view: LevelView) -> Level:
    figures = view.figures
    value = figures.metric or 0.0
    low = value if figures.metric_low is None else figures.metric_low
    high = value if figures.metric_high is None else figures.metric_high
    return Level(
        level=view.level,
        metric=Interval(value=value, low=low, high=high),
        parameters=figures.parameters,
        live_parameters=max(1, figures.parameters),
        density=figures.density,
        flops=figures.flops,
        size_bytes=figures.size_bytes,
        within_limit=view.within_limit,
    )


def measure(labels: Sequence[str], language: Language) -> Measure:
    """How a job's figures are spoken of before its report names the metric."""
    counted = any(kind in ("integers", "strings", "one_hot") for kind in labels)
    return Measure(
        "answers" if counted else "score",
        language.gettext("Right answers") if counted else language.gettext("Score"),
        True,
        0,
        Numbers(language),
    )
