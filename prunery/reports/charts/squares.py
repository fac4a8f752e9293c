"""Both files as squares whose areas are to scale: the one picture that needs no explanation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from prunery.reports.charts.svg import path, picture, tag, text

SIDE = 250.0
TOP = 45.0


@dataclass(frozen=True)
class Squares:
    """Sizes in any one unit; the labels are ready to print."""

    before: float
    after: float
    before_label: str
    after_word: str
    after_size: str
    title: str
    description: str


def draw(squares: Squares) -> Markup:
    """The square after, in the lower left corner of the square before."""
    largest = max(squares.before, squares.after)
    was = SIDE * math.sqrt(squares.before / largest)
    now = SIDE * math.sqrt(squares.after / largest)
    bottom = TOP + SIDE
    middle = bottom - min(now / 2, SIDE - 20)
    label = min(max(middle, TOP + 20), bottom - 22)
    leader = path(f"M{now + 9:.1f} {middle:.1f}H262", "leader") if now < SIDE - 8 else Markup("")
    return picture(
        "scale",
        (364, 300),
        "scale",
        squares.title,
        squares.description,
        _square("was", was, bottom),
        _square("now", now, bottom),
        text(squares.before_label, 2, 20),
        leader,
        text(squares.after_word, 268, label - 3, class_="n"),
        text(squares.after_size, 268, label + 17, class_="n"),
    )


def _square(css: str, side: float, bottom: float) -> Markup:
    side = max(side, 2.0)
    return tag(
        "rect", class_=css, x=1, y=bottom - side, width=side, height=side, rx=min(6.0, side / 4)
    )
