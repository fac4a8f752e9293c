"""A change with its interval, drawn against the limit and against no change at all."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from prunery.reports.charts.scales import Straight
from prunery.reports.charts.svg import path, tag, text

WIDTH = 230.0


@dataclass(frozen=True)
class Change:
    """Gains are to the right: a loss is negative, and so is the limit, where there is one."""

    value: float
    low: float
    high: float
    limit: float | None
    limit_label: str
    zero_label: str


def draw(change: Change) -> Markup:
    """Decoration beside a sentence that says the same: hidden from screen readers."""
    limit = change.limit
    low = min(change.low, 0.0, limit if limit is not None else 0.0)
    high = max(change.high, 0.0)
    margin = (high - low) * 0.06 or 1.0
    x = Straight(low - margin, high + margin, 1, WIDTH - 1)
    parts = []
    if limit is not None:
        edge = x(limit)
        parts.append(tag("rect", class_="ok", x=edge, y=4, width=WIDTH - 1 - edge, height=18, rx=3))
        parts.append(path(f"M{edge:.1f} 1V25", "limit"))
    parts += [
        path(f"M{x(0):.1f} 1V25", "zero"),
        path(f"M{x(change.low):.1f} 13H{x(change.high):.1f}", "range"),
        tag("circle", class_="pick", cx=x(change.value), cy=13, r=6),
        *_labels(change, x),
    ]
    return tag(
        "svg",
        *parts,
        class_="chart",
        viewBox=f"0 0 {WIDTH:.0f} 42",
        width=WIDTH,
        height=42,
        aria_hidden="true",
    )


def _labels(change: Change, x: Straight) -> list[Markup]:
    zero = min(max(x(0), 34), WIDTH - 34)
    labels = [text(change.zero_label, zero, 40, text_anchor="middle")]
    if change.limit is not None and x(0) - x(change.limit) > 66:
        edge = x(change.limit)
        anchor, at = ("start", 0.0) if edge < 20 else ("middle", edge)
        labels.append(text(change.limit_label, at, 40, text_anchor=anchor, class_="limit-t"))
    elif change.limit is not None:
        # No room for both words: the limit matters more.
        at = min(max(x(change.limit), 20), WIDTH - 20)
        labels = [text(change.limit_label, at, 40, text_anchor="middle", class_="limit-t")]
    return labels
