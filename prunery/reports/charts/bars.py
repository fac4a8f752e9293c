"""What was kept of each layer: one bar a layer, the removed part behind the kept one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prunery.reports.charts.svg import picture, shorten, tag, text


@dataclass(frozen=True)
class Bar:
    """`after` of `before` units are left; `label` says so in words."""

    name: str
    before: int
    after: int
    label: str


def draw(bars: Sequence[Bar], title: str, description: str) -> Markup:
    """The wide drawing and the narrow one."""
    return _wide(bars, title, description) + _narrow(bars, title, description)


def _wide(bars: Sequence[Bar], title: str, description: str) -> Markup:
    left, width, row = 190.0, 640.0, 38.0
    parts: list[Markup] = []
    for index, bar in enumerate(bars):
        y = index * row
        parts.append(text(shorten(bar.name, 24), 0, y + 23, class_="name"))
        parts.append(text(bar.label, left + width + 12, y + 23))
        parts += _bar(bar, left, y + 9, width)
    size = (960.0, row * len(bars))
    return picture("bars-wide", size, "chart wide", title, description, *parts)


def _narrow(bars: Sequence[Bar], title: str, description: str) -> Markup:
    width, row = 340.0, 52.0
    parts: list[Markup] = []
    for index, bar in enumerate(bars):
        y = index * row
        parts.append(text(shorten(bar.name, 26), 0, y + 17, class_="name"))
        parts.append(text(bar.label, width, y + 17, text_anchor="end"))
        parts += _bar(bar, 0, y + 25, width)
    size = (width, row * len(bars))
    return picture("bars-narrow", size, "chart narrow", title, description, *parts)


def _bar(bar: Bar, x: float, y: float, width: float) -> list[Markup]:
    share = bar.after / bar.before if bar.before else 1.0
    kept = tag("rect", class_="keep", x=x, y=y, width=max(width * share, 1), height=18, rx=4)
    if share >= 1:
        return [kept]
    return [tag("rect", class_="gone", x=x, y=y, width=width, height=18, rx=4), kept]
