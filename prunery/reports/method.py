"""How it was done, in enough detail to do it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import mean, stdev

from prunery.reports.language import Language
from prunery.reports.measures import Measure
from prunery.reports.numbers import Numbers
from prunery.reports.phrases import plain
from prunery.specs.models import TaskKind
from prunery.specs.recipe import Recipe
from prunery.specs.report import Latency, Replicate, Report


@dataclass(frozen=True)
class Timing:
    """One row of the latency table."""

    examples: str
    before: str
    after: str
    before_slow: str
    after_slow: str
    runs: str


@dataclass(frozen=True)
class Run:
    """One replicate, by its seed, with what came of it; or what all of them come to."""

    seed: str
    before: str
    after: str
    controls: str


@dataclass(frozen=True)
class Method:
    """Facts are pairs of name and value; the recipe is the resolved one, as JSON."""

    facts: tuple[tuple[str, str], ...]
    timings: tuple[Timing, ...]
    runs: tuple[Run, ...]
    recipe: str


def tell(report: Report, measure: Measure, language: Language) -> Method:
    """Everything a person needs who wants to repeat the job."""
    return Method(
        facts=tuple(_facts(report, language)),
        timings=tuple(_timings(report, language)),
        runs=tuple(_runs(report, measure, language)),
        recipe=_changed(report.method.recipe),
    )


def _facts(report: Report, language: Language) -> Iterator[tuple[str, str]]:
    numbers, say = Numbers(language), language.gettext
    method, data, task = report.method, report.data, report.task
    yield say("Job"), " · ".join(part for part in (report.job_id, report.name) if part)
    yield say("Finished"), numbers.moment(report.created_at)
    yield say("Took"), numbers.duration(report.seconds)
    yield say("Task"), _task(task.kind, language)
    if task.metric:
        why = f": {plain(task.why_metric, language)}" if task.why_metric else ""
        yield say("Measured by"), f"{task.metric}{why}"
    if task.loss:
        yield say("Loss"), task.loss
    if report.comparison.method:
        yield say("Statistics"), plain(report.comparison.method, language)
    if report.comparison.mcnemar_p is not None:
        yield say("McNemar’s p"), numbers.significant(report.comparison.mcnemar_p)
    splits = {
        "train": say("training"),
        "validation": say("choosing"),
        "test": say("test"),
    }
    yield (
        say("Examples"),
        ", ".join(
            f"{splits.get(name, name)} {numbers.integer(count)}"
            for name, count in data.examples.items()
        )
        or "–",
    )
    yield from _optional(
        (say("Input scale"), data.scale),
        (say("Resizing"), plain(data.resize, language)),
        (say("Labels"), plain(data.labels, language)),
        (say("Training loop"), method.training_loop),
        (say("Sandbox"), method.sandbox),
    )
    yield from _named(say("Seeds"), {k: str(v) for k, v in method.seeds.items()})
    yield from _named(say("Versions"), method.versions)
    yield from _named(say("Hardware"), method.hardware)
    yield from _optional(
        (say("Model, SHA-256"), method.model_sha256),
        (say("Examples, SHA-256"), method.dataset_sha256 or data.sha256),
    )


def _task(kind: TaskKind, language: Language) -> str:
    """What the model answers, with the name that recipes and metrics go by."""
    say = language.gettext
    words: dict[TaskKind, str] = {
        "multiclass": say("one of several kinds"),
        "binary": say("one of two kinds"),
        "multilabel": say("several kinds at once"),
        "regression": say("numbers"),
        "per_position": say("an answer at every position"),
        "autoencoder": say("the input itself"),
    }
    return f"{words[kind]} ({kind})" if kind in words else say("not known")


def _optional(*pairs: tuple[str, str | None]) -> Iterator[tuple[str, str]]:
    for name, value in pairs:
        if value:
            yield name, value


def _named(name: str, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    if values:
        yield name, ", ".join(f"{key} {value}" for key, value in values.items())


def _timings(report: Report, language: Language) -> Iterator[Timing]:
    numbers = Numbers(language)
    after = {one.examples: one for one in report.compact.latency}

    def milliseconds(latency: Latency | None, slow: bool) -> str:
        if latency is None:
            return "–"
        return numbers.milliseconds(latency.p95_ms if slow else latency.median_ms)

    for before in report.dense.latency:
        compact = after.get(before.examples)
        yield Timing(
            numbers.integer(before.examples),
            milliseconds(before, slow=False),
            milliseconds(compact, slow=False),
            milliseconds(before, slow=True),
            milliseconds(compact, slow=True),
            numbers.integer(before.runs),
        )


def _runs(report: Report, measure: Measure, language: Language) -> Iterator[Run]:
    """Every run; then their mean, and their standard deviation as the spread."""
    runs = report.replicates
    for run in runs:
        yield _run(str(run.seed), run, measure.show)
    if len(runs) > 1:
        yield _run(language.gettext("Mean"), _over(runs, mean), measure.show)
        yield _run(language.gettext("Spread"), _over(runs, stdev), measure.show_change)


def _run(name: str, run: Replicate, show: Callable[[float], str]) -> Run:
    before, after = ("–" if value is None else show(value) for value in (run.dense, run.compact))
    controls = ", ".join(f"{control} {show(value)}" for control, value in run.controls.items())
    return Run(name, before, after, controls or "–")


def _over(runs: Sequence[Replicate], of: Callable[[list[float]], float]) -> Replicate:
    """What `of` makes of each figure that more than one run has."""

    def figure(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None and isfinite(value)]
        return of(known) if len(known) > 1 else None

    names = dict.fromkeys(name for run in runs for name in run.controls)
    rivals = {name: figure(run.controls.get(name) for run in runs) for name in names}
    return Replicate(
        seed=0,
        dense=figure(run.dense for run in runs),
        compact=figure(run.compact for run in runs),
        controls={name: value for name, value in rivals.items() if value is not None},
    )


def _changed(recipe: Recipe) -> str:
    return recipe.model_dump_json(indent=2)
