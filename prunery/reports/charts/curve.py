"""The ladder: a metric against size, with intervals, the limit, the dense line and controls."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from markupsafe import Markup

from prunery.reports.charts.scales import Logarithmic, Straight, spread, ticks
from prunery.reports.charts.svg import path, picture, points, tag, text


@dataclass(frozen=True)
class Point:
    """One level: `size` above 0 in any one unit, `tick` as the axis prints it."""

    size: float
    value: float
    low: float
    high: float
    tick: str


@dataclass(frozen=True)
class Rival:
    """A control experiment; `css` is its voice, `fresh` or `random`."""

    name: str
    css: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Curve:
    """Points run from the largest size to the smallest; every word is ready to print."""

    title: str
    description: str
    points: tuple[Point, ...]
    format_value: Callable[[float], str]
    x_caption: str
    x_end: str
    ladder_label: str
    higher_is_better: bool = True
    limit: float | None = None
    limit_label: str = ""
    dense_label: str = ""
    chosen: int | None = None
    chosen_label: str = ""
    rivals: tuple[Rival, ...] = field(default=())


@dataclass(frozen=True)
class Frame:
    """Where a drawing puts things."""

    name: str
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_labels: int
    labels_beside: bool


WIDE = Frame("wide", 960, 400, 52, 800, 16, 352, 9, labels_beside=True)
NARROW = Frame("narrow", 340, 360, 44, 326, 30, 314, 4, labels_beside=False)


def draw(curve: Curve) -> Markup:
    """The wide drawing and the narrow one; needs at least one point."""
    return _draw(curve, WIDE) + _draw(curve, NARROW)


def _draw(curve: Curve, frame: Frame) -> Markup:
    drawing = _Drawing(curve, frame)
    legend = drawing.legend()
    extra = 22.0 * len(legend) + 8 if legend else 0.0
    return picture(
        f"curve-{frame.name}",
        (frame.width, frame.height + extra),
        f"chart {frame.name}",
        curve.title,
        curve.description,
        *drawing.ground(),
        *drawing.rivals(),
        *drawing.ladder(),
        *drawing.axis(),
        *drawing.labels(),
        *legend,
    )


class _Drawing:
    """One curve in one frame: the scales, and the parts drawn with them."""

    def __init__(self, curve: Curve, frame: Frame) -> None:
        self.curve, self.frame = curve, frame
        sizes = [point.size for point in curve.points]
        smallest, largest = min(sizes), max(sizes)
        if smallest == largest:
            smallest, largest = smallest / 2, largest * 2
        self.x = Logarithmic(largest, smallest, frame.left, frame.right)
        self.marks = ticks(*_span(curve))
        self.y = Straight(self.marks[0], self.marks[-1], frame.bottom, frame.top)

    def ground(self) -> list[Markup]:
        """What lies under the lines: the region within the limit, the grid, the limit."""
        curve, frame = self.curve, self.frame
        parts: list[Markup] = []
        if curve.limit is not None:
            edge = self.y(curve.limit)
            low, high = (frame.top, edge) if curve.higher_is_better else (edge, frame.bottom)
            width, height = frame.right - frame.left, max(high - low, 0)
            parts.append(tag("rect", class_="ok", x=frame.left, y=low, width=width, height=height))
        for mark in self.marks:
            y = self.y(mark)
            parts.append(path(f"M{frame.left:.1f} {y:.1f}H{frame.right:.1f}", "grid"))
            label = curve.format_value(mark)
            parts.append(text(label, frame.left - 8, y + 4, text_anchor="end"))
        dense = self.y(curve.points[0].value)
        parts.append(path(f"M{frame.left:.1f} {dense:.1f}H{frame.right:.1f}", "dense"))
        if curve.limit is not None:
            y = self.y(curve.limit)
            parts.append(path(f"M{frame.left:.1f} {y:.1f}H{frame.right:.1f}", "limit"))
        return parts

    def rivals(self) -> list[Markup]:
        """Control experiments: lines where there are several points, marks everywhere."""
        parts: list[Markup] = []
        for rival in self.curve.rivals:
            placed = [(self.x(size), self._inside(value)) for size, value in rival.points]
            if len(placed) > 1:
                parts.append(tag("polyline", class_=rival.css, points=points(placed)))
            parts += [_mark(rival.css, x, y) for x, y in placed]
        return parts

    def ladder(self) -> list[Markup]:
        """The levels, each with its interval; the chosen one stands out."""
        placed = [(self.x(point.size), self.y(point.value)) for point in self.curve.points]
        parts = [
            path(f"M{x:.1f} {self._inside(point.high):.1f}V{self._inside(point.low):.1f}", "ci")
            for point, (x, _) in zip(self.curve.points, placed, strict=True)
        ]
        parts.append(tag("polyline", class_="ladder", points=points(placed)))
        for index, (x, y) in enumerate(placed):
            if index == self.curve.chosen:
                parts.append(tag("circle", class_="halo", cx=x, cy=y, r=15))
                parts.append(tag("circle", class_="pick", cx=x, cy=y, r=7.5))
            else:
                parts.append(tag("circle", class_="dot", cx=x, cy=y, r=4.5))
        return parts

    def axis(self) -> list[Markup]:
        """The size axis; ticks that would touch are left out, the ends and the choice stay."""
        frame, curve = self.frame, self.curve
        parts = [path(f"M{frame.left:.1f} {frame.bottom:.1f}H{frame.right:.1f}", "axis")]
        gap = (frame.right - frame.left) / frame.x_labels
        last = len(curve.points) - 1
        taken: list[float] = []
        first = [0, last] if curve.chosen is None else [curve.chosen, 0, last]
        for index in dict.fromkeys([*first, *range(1, last)]):
            x = self.x(curve.points[index].size)
            if any(abs(x - other) < gap for other in taken):
                continue
            taken.append(x)
            parts.append(path(f"M{x:.1f} {frame.bottom:.1f}v5", "axis"))
            tick = curve.points[index].tick
            parts.append(text(tick, x, frame.bottom + 20, text_anchor="middle"))
        captions = frame.bottom + 44
        parts.append(text(curve.x_caption, frame.left, captions))
        parts.append(text(curve.x_end, frame.right, captions, text_anchor="end"))
        return parts

    def labels(self) -> list[Markup]:
        """Names at the ends of lines where there is room beside, and the chosen point's words."""
        curve, frame = self.curve, self.frame
        parts: list[Markup] = []
        if curve.chosen is not None and curve.chosen_label:
            parts.append(self._chosen_label())
        if not frame.labels_beside:
            if curve.limit is not None and curve.limit_label:
                y = self.y(curve.limit) + (17 if curve.higher_is_better else -8)
                parts.append(text(curve.limit_label, frame.left + 6, y, class_="limit-t over"))
            return parts
        wanted = [(self.y(curve.points[-1].value), curve.ladder_label, "strong")]
        if curve.limit is not None and curve.limit_label:
            wanted.append((self.y(curve.limit), curve.limit_label, "limit-t"))
        if curve.dense_label and len(curve.points) > 1:
            wanted.append((self.y(curve.points[0].value), curve.dense_label, "dense-t"))
        wanted += [
            (self._inside(rival.points[-1][1]), rival.name, f"{rival.css}-t")
            for rival in curve.rivals
            if self._ends_at_edge(rival)
        ]
        ys = spread([y for y, _, _ in wanted], 19, frame.top, frame.bottom)
        for y, (_, label, css) in zip(ys, wanted, strict=True):
            parts.append(text(label, frame.right + 14, y + 4, class_=css))
        return parts

    def legend(self) -> list[Markup]:
        """A row below for each control that no label names."""
        frame = self.frame
        rows = [r for r in self.curve.rivals if not (frame.labels_beside and self._ends_at_edge(r))]
        parts: list[Markup] = []
        for index, rival in enumerate(rows):
            y = frame.height + 22 + 22 * index
            line = path(f"M{frame.left:.1f} {y - 4:.1f}h26", rival.css)
            label = text(rival.name, frame.left + 36, y, class_=f"{rival.css}-t")
            parts.append(tag("g", line, _mark(rival.css, frame.left + 13, y - 4), label))
        return parts

    def _chosen_label(self) -> Markup:
        frame, chosen = self.frame, self.curve.points[self.curve.chosen or 0]
        x, y = self.x(chosen.size), self.y(chosen.value)
        half = len(self.curve.chosen_label) * 3.9
        x = min(max(x, frame.left + half), frame.right - half + 10)
        fits = [at for at in (y - 26, y + 34, y - 60) if frame.top + 8 < at < frame.bottom - 8]
        label_y = min(fits or [y - 26], key=lambda at: self._crossings(x - half, x + half, at))
        return text(self.curve.chosen_label, x, label_y, class_="strong over", text_anchor="middle")

    def _crossings(self, left: float, right: float, y: float) -> int:
        """How much of the ladder and of the rivals' marks a label at `y` would hide."""
        placed = [(self.x(point.size), self.y(point.value)) for point in self.curve.points]
        hits = 0
        for (x0, y0), (x1, y1) in itertools.pairwise(placed):
            for x in range(int(max(left, x0)), int(min(right, x1)), 4):
                line = y0 + (x - x0) / (x1 - x0) * (y1 - y0)
                hits += abs(line - (y - 4)) < 12
        marks = [
            (self.x(size), self._inside(value))
            for rival in self.curve.rivals
            for size, value in rival.points
        ]
        hidden = [x for x, mark in marks if left < x < right + 8 and abs(mark - (y - 4)) < 14]
        return hits + 10 * len(hidden)

    def _ends_at_edge(self, rival: Rival) -> bool:
        return abs(self.x(rival.points[-1][0]) - self.frame.right) < 12

    def _inside(self, value: float) -> float:
        return min(max(self.y(value), self.frame.top), self.frame.bottom)


def _mark(css: str, x: float, y: float) -> Markup:
    """Shape as well as colour: a square for fresh starts, a cross for random removal."""
    if css == "fresh":
        return tag("rect", class_="fresh-m", x=x - 4, y=y - 4, width=8, height=8)
    return path(f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8", "random-m")


def _span(curve: Curve) -> tuple[float, float]:
    """The levels and their limit fill the frame; controls widen it to at most twice that."""
    values = [value for point in curve.points for value in (point.low, point.value, point.high)]
    if curve.limit is not None:
        values.append(curve.limit)
    low, high = min(values), max(values)
    room = (high - low) or abs(high) or 1.0
    others = [value for rival in curve.rivals for _, value in rival.points]
    low = min([low, *(value for value in others if value >= low - room)])
    high = max([high, *(value for value in others if value <= high + room)])
    return low, high
