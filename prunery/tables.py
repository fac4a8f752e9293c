"""The result as a terminal shows it: dense against compact."""

from __future__ import annotations

from rich.table import Table

from prunery.specs.report import Latency, ModelFigures, Report


def result_table(report: Report, reference: dict[str, tuple[str, str]] | None = None) -> Table:
    """Dense against compact; `reference` adds somebody else's figures, by the name of a row."""
    table = Table(title=report.name, title_justify="left", caption_justify="left")
    table.add_column("")
    for heading in ("dense", "compact", "change"):
        table.add_column(heading, justify="right")
    if reference:
        table.add_column("article: dense", justify="right")
        table.add_column("article: compact", justify="right")
    for name, dense, compact, change in rows(report):
        others = reference.get(name, ("", "")) if reference else ()
        table.add_row(name, dense, compact, change, *others)
    return table


def rows(report: Report) -> list[tuple[str, str, str, str]]:
    """Name, dense, compact and change of each figure that the report has."""
    dense, compact = report.dense, report.compact
    metric = f"test {report.task.metric or 'metric'}"
    found = [
        (metric, _metric(dense), _metric(compact), _difference(report)),
        _counted("parameters", dense.parameters, compact.parameters),
    ]
    if dense.flops is not None and compact.flops is not None:
        found.append(_counted("FLOPs", dense.flops, compact.flops))
    found.append(_counted("bytes", dense.size_bytes, compact.size_bytes))
    for before, after in zip(dense.latency, compact.latency, strict=False):
        found.append(_latency(before, after))
    return found


def _metric(figures: ModelFigures) -> str:
    found = figures.metric
    return f"{found.value:.4f} ({found.low:.4f} to {found.high:.4f})" if found else "not tested"


def _difference(report: Report) -> str:
    found = report.comparison.difference
    return f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f})" if found else ""


def _counted(name: str, dense: int, compact: int) -> tuple[str, str, str, str]:
    change = f"{dense / compact:.2f} times less" if 0 < compact < dense else "no less"
    return name, f"{dense:,}", f"{compact:,}", change


def _latency(dense: Latency, compact: Latency) -> tuple[str, str, str, str]:
    ratio = dense.median_ms / compact.median_ms if compact.median_ms else 1.0
    # Under a tenth, the difference is within what the same call varies by.
    change = f"{ratio:.2f} times faster" if ratio > 1.1 else "no faster at this size"
    name = f"latency, batch {dense.examples} (ms)"
    return name, f"{dense.median_ms:.3f}", f"{compact.median_ms:.3f}", change
