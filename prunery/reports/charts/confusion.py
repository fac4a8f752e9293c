"""What changed in the confusion matrix: after minus before, rows the right answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from prunery.reports.charts.svg import picture, shorten, tag, text

LARGEST = 20
"""With more classes than this a table of the largest changes says more than a matrix."""


def draw(
    key: str,
    names: Sequence[str],
    change: Sequence[Sequence[int]],
    *,
    title: str,
    description: str,
    signed: Callable[[int], str],
    row_caption: str,
    column_caption: str,
) -> Markup:
    """The matrix, wide only: a phone gets the table of the largest changes.

    key: begins the ids of this picture, so that several can stand on a page.
    """
    count = len(names)
    longest = max(len(name) for name in names)
    left = 100 + 7.0 * max(min(longest, 20) - 12, 0)
    top = 64 + 5.6 * min(longest, 16)
    cell = min(46.0, 780.0 / count)
    largest = max((abs(value) for row in change for value in row), default=0) or 1
    parts = [
        text(row_caption, 0, top - 12, class_="name"),
        text(column_caption, left, 14, class_="name"),
    ]
    for index, name in enumerate(names):
        x, y = left + (index + 0.5) * cell, top + (index + 0.5) * cell + 4
        parts.append(text(shorten(name, 20), left - 10, y, text_anchor="end"))
        label = text(shorten(name, 16), 0, 0)
        place = f"translate({x + 4:.1f} {top - 8:.1f}) rotate(-55)"
        parts.append(tag("g", label, transform=place))
    for row in range(count):
        for column in range(count):
            value = change[row][column]
            x, y = left + column * cell, top + row * cell
            parts += _cell(value, x, y, cell, value / largest, row == column, signed)
    size = (max(left + count * cell + 90, 640), top + count * cell + 4)
    return picture(key, size, "chart wide matrix", title, description, *parts)


def _cell(
    value: int,
    x: float,
    y: float,
    cell: float,
    share: float,
    right_answer: bool,
    signed: Callable[[int], str],
) -> list[Markup]:
    css = "cell own" if right_answer else "cell"
    square = tag("rect", class_=css, x=x + 1, y=y + 1, width=cell - 2, height=cell - 2, rx=3)
    if value == 0:
        return [square]
    better = (value > 0) == right_answer
    step = min(3, int(abs(share) * 3) + 1)
    fill = tag(
        "rect",
        class_=f"{'won' if better else 'lost'}-{step}",
        x=x + 1,
        y=y + 1,
        width=cell - 2,
        height=cell - 2,
        rx=3,
    )
    label = text(
        signed(value), x + cell / 2, y + cell / 2 + 5, text_anchor="middle", class_=f"on-{step}"
    )
    return [square, fill, label]
