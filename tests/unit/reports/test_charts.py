"""Charts are drawn to scale, state their finding, and escape what users named."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunery.reports.charts import bars, confusion, curve, interval, squares
from prunery.reports.charts.scales import Logarithmic, spread, ticks
from prunery.reports.charts.svg import shorten

HOSTILE = "</text><script>alert('x')</script>&\"' \u202e"


def parse(markup: str) -> list[ElementTree.Element]:
    """Every element of one or more drawings; raises on anything that is not well-formed."""
    return list(ElementTree.fromstring(f"<all>{markup}</all>").iter())  # noqa: S314 - our own


def test_areas_of_the_squares_are_the_sizes() -> None:
    drawing = squares.draw(
        squares.Squares(4_680_000, 410_000, "Before", "After:", "0.41 MB", "Both", "To scale")
    )
    sides = [float(el.attrib["width"]) for el in parse(drawing) if el.tag == "rect"]
    assert (sides[0] / sides[1]) ** 2 == pytest.approx(4_680_000 / 410_000, rel=0.01)


def test_a_file_that_grew_is_drawn_larger() -> None:
    drawing = squares.draw(squares.Squares(100, 400, "", "", "", "", ""))
    sides = [float(el.attrib["width"]) for el in parse(drawing) if el.tag == "rect"]
    assert sides[1] == 2 * sides[0]


def test_interval_shades_what_the_limit_allows() -> None:
    change = interval.Change(-0.003, -0.008, 0.002, -0.01, "limit", "no change")
    shaded = next(el for el in parse(interval.draw(change)) if el.tag == "rect")
    picked = next(el for el in parse(interval.draw(change)) if el.tag == "circle")
    assert float(shaded.attrib["x"]) < float(picked.attrib["cx"])


def test_interval_beyond_the_limit_lies_outside_the_shade() -> None:
    change = interval.Change(-0.03, -0.04, -0.02, -0.01, "limit", "no change")
    shaded = next(el for el in parse(interval.draw(change)) if el.tag == "rect")
    picked = next(el for el in parse(interval.draw(change)) if el.tag == "circle")
    assert float(shaded.attrib["x"]) > float(picked.attrib["cx"])


def ladder(**changed: object) -> curve.Curve:
    points = tuple(
        curve.Point(size, value, value - 0.01, value + 0.01, str(size))
        for size, value in ((4.0, 0.96), (2.0, 0.95), (1.0, 0.9))
    )
    values: dict[str, object] = {
        "title": HOSTILE,
        "description": "It falls.",
        "points": points,
        "format_value": lambda value: f"{value:.2f}",
        "x_caption": "MB",
        "x_end": "smaller",
        "ladder_label": HOSTILE,
        "chosen": 1,
        "chosen_label": "2 MB",
    }
    return curve.Curve(**{**values, **changed})  # type: ignore[arg-type]


def test_curve_is_drawn_wide_and_narrow_with_its_finding() -> None:
    elements = parse(curve.draw(ladder()))
    assert [el.attrib["class"] for el in elements if el.tag == "svg"] == [
        "chart wide",
        "chart narrow",
    ]
    assert [el.text for el in elements if el.tag == "desc"] == ["It falls.", "It falls."]
    assert all("style" not in el.attrib for el in elements)


def test_equal_factors_of_size_are_equal_distances() -> None:
    elements = parse(curve.draw(ladder()))
    line = next(el for el in elements if el.attrib.get("class") == "ladder")
    first, second, third = (float(pair.split(",")[0]) for pair in line.attrib["points"].split())
    assert second - first == pytest.approx(third - second, abs=0.2)


def test_a_single_control_is_a_mark_and_stays_inside_the_frame() -> None:
    rival = curve.Rival("fresh start", "fresh", ((1.0, 0.05),))
    elements = parse(curve.draw(ladder(rivals=(rival,))))
    marks = [el for el in elements if el.attrib.get("class") == "fresh-m"]
    assert marks
    assert all(0 <= float(mark.attrib["y"]) <= 400 for mark in marks)


def test_the_limit_of_an_error_metric_allows_what_lies_below() -> None:
    elements = parse(curve.draw(ladder(limit=0.955, higher_is_better=False)))
    shade = next(el for el in elements if el.attrib.get("class") == "ok")
    bottom = float(shade.attrib["y"]) + float(shade.attrib["height"])
    assert bottom == pytest.approx(curve.WIDE.bottom)


def test_a_bar_shows_the_share_that_is_left() -> None:
    drawing = bars.draw([bars.Bar(HOSTILE, 300, 75, "75 of 300")], "Kept", "finding")
    kept = [el for el in parse(drawing) if el.attrib.get("class") == "keep"]
    gone = [el for el in parse(drawing) if el.attrib.get("class") == "gone"]
    assert float(kept[0].attrib["width"]) / float(gone[0].attrib["width"]) == pytest.approx(0.25)


@pytest.mark.parametrize("count", [2, 10, 20])
def test_confusion_writes_signs_and_not_colour_alone(count: int) -> None:
    change = [[0] * count for _ in range(count)]
    change[0][1], change[0][0] = 5, -5
    drawing = confusion.draw(
        "confusion",
        [HOSTILE] * count,
        change,
        title="t",
        description="d",
        signed=lambda value: f"{value:+d}",
        row_caption="right",
        column_caption="taken for",
    )
    texts = [el.text for el in parse(drawing)]
    assert "+5" in texts
    assert "-5" in texts


def test_names_are_cut_in_the_middle() -> None:
    assert shorten("backbone/stage_3/block_12/conv", 13) == "backbo…2/conv"
    assert len(shorten("x" * 500, 24)) == 24


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 9))
def test_ticks_cover_the_data_and_are_few(low: float, span: float, about: int) -> None:
    marks = ticks(low, low + span, about)
    slack = 1e-6 * max(1.0, abs(low), span)
    assert marks[0] <= low + slack
    assert marks[-1] >= low + span - slack
    assert 2 <= len(marks) <= 3 * about + 3


@given(st.lists(st.floats(0, 300), min_size=1, max_size=8))
def test_spread_labels_keep_their_distance(wanted: list[float]) -> None:
    placed = sorted(spread(wanted, 19, 0, 300))
    assert all(b - a >= 19 - 1e-6 for a, b in itertools.pairwise(placed))


def test_a_logarithmic_axis_runs_from_large_to_small() -> None:
    axis = Logarithmic(8.0, 1.0, 0, 300)
    assert axis(8.0) == 0
    assert axis(1.0) == 300
    assert re.match(r"100\.0*", f"{axis(4.0):.1f}")
