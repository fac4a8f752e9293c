"""A result and a list of jobs as a terminal shows them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from prunery.specs.job import JobView
from prunery.specs.report import (
    TOLD_AS_TIMES,
    Comparison,
    Interval,
    Latency,
    OutputFigures,
    Report,
)

MOST_KINDS = 20


def show_result(console: Console, report: Report) -> None:
    """What a job found: its figures, kind by kind where there are kinds, the verdict, the notes."""
    console.print(result_table(report))
    for table in kinds_tables(report):
        console.print(table)
    console.print(report.verdict.sentence, markup=False)
    for warning in report.warnings:
        console.print(f"Note: {warning}", markup=False)


def result_table(report: Report, reference: dict[str, tuple[str, str]] | None = None) -> Table:
    """Dense against compact, 80 columns wide; `reference` holds an article's by row name."""
    table = Table(
        title=Text(report.name), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    table.caption = "Below each measured value: its 95% interval on the test examples."
    table.caption_justify = "left"
    table.add_column("", no_wrap=True)
    for heading in ("dense", "compact", "change"):
        table.add_column(heading, justify="right", no_wrap=True)
    if reference:
        table.add_column("article", justify="right", no_wrap=True)
        table.caption += " Article: dense, compact."
    for name, dense, compact, change in rows(report):
        others = ["\n".join(reference[name])] if reference and name in reference else []
        table.add_row(name, dense, compact, change, *others)
    return table


def rows(report: Report) -> list[tuple[str, str, str, str]]:
    """Name, dense, compact and change of each figure that the report has."""
    dense, compact = report.dense, report.compact
    metric = f"test {report.task.metric or 'metric'}"
    found = [_output(one) for one in report.outputs] or [
        _measured(metric, dense.metric, compact.metric, report.comparison)
    ]
    found.append(_counted("parameters", dense.parameters, compact.parameters))
    if dense.flops is not None and compact.flops is not None:
        found.append(_counted("FLOPs", dense.flops, compact.flops))
    found.append(_counted("bytes", dense.size_bytes, compact.size_bytes))
    for before, after in zip(dense.latency, compact.latency, strict=False):
        found.append(_latency(before, after))
    return found


def kinds_tables(report: Report) -> Iterator[Table]:
    """How often each kind of answer was right, a table for every output that has kinds.

    Of more than `MOST_KINDS` those are shown whose right answers changed most.
    """
    outputs = [(f"{one.name}: ", one.comparison) for one in report.outputs]
    for name, comparison in outputs or [("", report.comparison)]:
        found = comparison.per_class
        if not found:
            continue
        by_change = sorted(found, key=lambda one: -abs(one.compact - one.dense) * one.examples)
        shown = set(by_change[:MOST_KINDS])
        table = Table(
            Column("kind", overflow="fold"),
            title=Text(f"{name}share of right answers, kind by kind"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
        )
        for heading in ("examples", "dense", "compact", "change"):
            table.add_column(heading, justify="right", no_wrap=True)
        for one in found:
            if one in shown:
                change = one.compact - one.dense
                shares = (f"{one.dense:.4f}", f"{one.compact:.4f}", f"{change:+.4f}")
                table.add_row(Text(one.name), f"{one.examples:,}", *shares)
        if left := len(found) - len(shown):
            table.caption = f"{left} more kinds changed less; report.html shows all."
            table.caption_justify = "left"
        yield table


def _output(one: OutputFigures) -> tuple[str, str, str, str]:
    """A row of an output of several, with what it was allowed to lose."""
    name = f"{one.name}: test {one.task.metric}"
    row, limit = (
        _measured(name, one.dense, one.compact, one.comparison),
        one.comparison.allowed_drop,
    )
    if limit is None:
        return row
    allowed = -limit if one.task.metric_higher_is_better else limit
    return *row[:3], f"{row[3]}\nallowed {allowed:+,.{_decimals(one.dense)}f}"


def _measured(
    name: str, dense: Interval | None, compact: Interval | None, comparison: Comparison
) -> tuple[str, str, str, str]:
    places, change = _decimals(dense), comparison.difference
    before, after = (
        _with_interval(one, "", places) if one else "not tested" for one in (dense, compact)
    )
    return name, before, after, _with_interval(change, "+", places) if change else ""


def _decimals(dense: Interval | None) -> int:
    """Four of a share; of an error as many as leave four figures of it, however large or small."""
    scale = abs(dense.value) if dense is not None else 1.0
    if not math.isfinite(scale) or 0.1 <= scale <= 1 or not scale:
        return 4
    return min(max(3 - math.floor(math.log10(scale)), 0), 12)


def _with_interval(found: Interval, sign: str, places: int) -> str:
    def shown(value: float, places: int) -> str:
        return f"{value:{sign},.{places}f}"

    ends = f"{shown(found.low, max(places - 1, 0))}, {shown(found.high, max(places - 1, 0))}"
    return f"{shown(found.value, places)}\n{ends}"


def _counted(name: str, dense: int, compact: int) -> tuple[str, str, str, str]:
    change = f"{dense / compact:.2f}x less" if 0 < compact < dense else "no less"
    return name, f"{dense:,}", f"{compact:,}", change


def _latency(dense: Latency, compact: Latency) -> tuple[str, str, str, str]:
    ratio = dense.median_ms / compact.median_ms if compact.median_ms else 1.0
    change = f"{ratio:.2f}x faster" if ratio >= TOLD_AS_TIMES else "no faster"
    name = f"ms at batch {dense.examples}"
    return name, f"{dense.median_ms:.3f}", f"{compact.median_ms:.3f}", change


def jobs_table(found: Iterable[JobView]) -> Table:
    """A line a job; its id is never cut short, for it is what other commands ask for."""
    table = Table(Column("job", no_wrap=True, min_width=30), box=None)
    table.add_column("name", overflow="fold")
    for heading in ("status", "done", "created"):
        table.add_column(heading, no_wrap=True)
    for job in found:
        created = f"{job.created_at:%Y-%m-%d %H:%M}"
        table.add_row(job.id, Text(job.name), job.status, f"{job.progress:.0%}", created)
    return table
