"""What was kept of each layer, and why the rest was left alone."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from prunery.reports.charts import bars
from prunery.reports.language import Language
from prunery.reports.numbers import Numbers
from prunery.specs.report import LayerRemoval, Report

DRAWN = 40
"""More bars than this are no picture; the table under it has them all."""


@dataclass(frozen=True)
class LayerRow:
    """One layer in the table."""

    layer: str
    before: str
    after: str
    kept: str
    counted: str
    reason: str


@dataclass(frozen=True)
class Removal:
    """The bars, the table, and what could not be removed at all."""

    chart: Markup
    rows: tuple[LayerRow, ...]
    left_alone: tuple[tuple[str, str, str], ...]
    hidden: int


def tell(report: Report, language: Language) -> Removal | None:
    """None where no layer has units or weights to count."""
    if not report.layers and not report.not_removed:
        return None
    shown = _drawn(report.layers)
    return Removal(
        chart=_chart(shown, language) if shown else Markup(""),
        rows=tuple(_row(layer, language) for layer in report.layers),
        left_alone=tuple(
            (frozen.layer, frozen.reason, frozen.way_out or "") for frozen in report.not_removed
        ),
        hidden=len(report.layers) - len(shown),
    )


def _drawn(layers: tuple[LayerRemoval, ...]) -> list[LayerRemoval]:
    """The layers that lost most, in model order."""
    if len(layers) <= DRAWN:
        return list(layers)
    lost = sorted(layers, key=lambda layer: layer.after - layer.before)[:DRAWN]
    names = {layer.layer for layer in lost}
    return [layer for layer in layers if layer.layer in names]


def _chart(layers: list[LayerRemoval], language: Language) -> Markup:
    drawn = [bars.Bar(one.layer, one.before, one.after, _label(one, language)) for one in layers]
    finding = "; ".join(f"{bar.name}: {bar.label}" for bar in drawn)
    return bars.draw(drawn, language.gettext("What was kept in each layer"), finding)


def _label(layer: LayerRemoval, language: Language) -> str:
    numbers = Numbers(language)
    if layer.before >= 100_000:
        return numbers.percent(layer.after / layer.before)
    return language.gettext(
        "%(after)s of %(before)s",
        after=numbers.integer(layer.after),
        before=numbers.integer(layer.before),
    )


def _row(layer: LayerRemoval, language: Language) -> LayerRow:
    numbers = Numbers(language)
    share = layer.after / layer.before if layer.before else 1.0
    counted = {
        "units": language.pgettext("counted", "units"),
        "weights": language.pgettext("counted", "weights"),
    }
    return LayerRow(
        layer.layer,
        numbers.integer(layer.before),
        numbers.integer(layer.after),
        numbers.percent(share),
        counted[layer.counted],
        layer.reason_kept or "",
    )
