"""A report is one page that needs nothing and runs nothing, whatever is in it."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from prunery.reports import render
from prunery.reports.assets import STATIC
from prunery.specs.models import FrozenInfo
from prunery.specs.report import (
    ClassFigures,
    Comparison,
    Data,
    Interval,
    LayerRemoval,
    Replicate,
    Report,
    Task,
    Verdict,
)
from tests.factories import reports

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Page(HTMLParser):
    """What a browser would act on."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def page(report: Report, **options: Any) -> Page:
    return Page(render(report, **options))


def test_a_report_that_stands_alone_asks_for_nothing() -> None:
    found = page(reports.report())
    assert not [tag for tag, _ in found.tags if tag in ("script", "link", "img", "iframe", "form")]
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("href", "src"):
            assert (attributes.get(name) or "#").startswith("#")


def test_its_policy_allows_exactly_its_own_style() -> None:
    html = render(reports.report())
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in html.replace("&#39;", "'")
    assert "url(fonts/" not in html


def test_cyrillic_is_carried_only_where_it_is_read() -> None:
    assert "U+0400-045F" not in render(reports.report())
    assert "U+0400-045F" in render(reports.report(), locale="ru")
    assert "U+0400-045F" in render(reports.report(name="Выпечка"))


def test_hostile_names_stay_text() -> None:
    report = reports.report(
        name=HOSTILE,
        model_filename=HOSTILE,
        layers=(LayerRemoval(layer=HOSTILE, before=4, after=2, reason_kept=HOSTILE),),
        not_removed=(FrozenInfo(layer=HOSTILE, reason=HOSTILE, way_out=HOSTILE),),
        warnings=(HOSTILE,),
        comparison=reports.comparison(
            per_class=(
                ClassFigures(name=HOSTILE, examples=5, dense=0.4, compact=0.2),
                ClassFigures(name="b", examples=5, dense=0.4, compact=0.2),
            ),
            confusion_change=((-1, 1), (0, 0)),
        ),
    )
    found = page(report)
    assert not [tag for tag, _ in found.tags if tag in ("script", "img")]
    assert render(report).count("<style>") == 1


def outcomes() -> list[Report]:
    """Everything a job may end with that makes a report unlike the usual one."""
    regression = Task(kind="regression", metric="mae", metric_higher_is_better=False)
    worse = Interval(value=0.1, low=-0.02, high=0.2)
    bare = {"comparison": Comparison(), "controls": (), "proofs": ()}
    said: list[tuple[Any, Any]] = [
        ("nothing_within", "dense"),
        ("nothing_to_remove", "dense"),
        ("at_chance", "dense"),
        ("over_limit", "pruned"),
        ("smaller", "fresh_small"),
        ("smaller", "fresh_same_scale"),
        ("smaller", "random_units"),
        ("smaller", "random_mask"),
        ("smaller", "fine_tuned"),
    ]
    return [
        *(
            reports.report(verdict=Verdict(outcome=o, sentence="", shipped=s, winning_ticket=False))
            for o, s in said
        ),
        reports.report(**bare, data=Data(examples={"train": 9}), levels=(), layers=()),
        reports.report(
            **{**bare, "comparison": Comparison(difference=worse, allowed_drop=0.05)},
            task=regression.model_copy(update={"drop_is_relative": True}),
            dense=reports.figures(2.0),
            compact=reports.figures(2.1, scale=0.4),
            levels=reports.levels((2.0, 2.05, 2.1), chosen=2),
        ),
        reports.report(levels=reports.levels((0.9,), chosen=0)),
        reports.report(
            dense=reports.figures(0.0), compact=reports.figures(0.0), not_removed=(), layers=()
        ),
    ]


@pytest.mark.parametrize("number", range(len(outcomes())))
@pytest.mark.parametrize("locale", ["en", "ru"])
def test_every_outcome_has_a_page(number: int, locale: str) -> None:
    html = render(outcomes()[number], locale=locale)
    assert html.count("<h1>") == 1
    assert not re.search(r"\b(None|nan|inf|Undefined)\b", re.sub(r"<pre.*?</pre>", "", html))


@pytest.mark.parametrize("classes", [2, 21, 1000])
def test_any_number_of_classes(classes: int) -> None:
    matrix = [[0] * classes for _ in range(classes)]
    matrix[0][classes - 1], matrix[0][0] = 7, -7
    per_class = tuple(
        ClassFigures(name=f"kind {n}", examples=5, dense=0.8, compact=0.6) for n in range(classes)
    )
    comparison = reports.comparison(
        per_class=per_class, confusion_change=tuple(tuple(row) for row in matrix)
    )
    html = render(reports.report(comparison=comparison))
    assert ("chart wide matrix" in html) == (classes <= 20)
    assert f"kind {classes - 1}" in html
    assert len(html) < 600_000


def test_a_deep_network_is_drawn_in_part_and_told_in_full() -> None:
    layers = tuple(LayerRemoval(layer=f"block/{n}", before=64, after=n % 64) for n in range(300))
    html = render(reports.report(layers=layers))
    assert html.count('class="keep"') == 2 * 40
    assert "block/299" in html


def test_the_stylesheet_is_small_and_asks_no_stranger() -> None:
    text = (STATIC / "style.css").read_text("utf-8")
    assert len(text.encode()) < 25_000
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), float("-inf")])
def test_a_network_that_diverged_is_reported_without_numbers(broken: float) -> None:
    nothing = Interval(value=broken, low=broken, high=broken)
    usual = reports.report()
    levels = tuple(
        level.model_copy(update={"metric": nothing if level.level > 2 else level.metric})
        for level in usual.levels
    )
    report = usual.model_copy(
        update={
            "levels": levels,
            "compact": usual.compact.model_copy(update={"metric": nothing}),
            "comparison": reports.comparison(difference=nothing),
            "controls": tuple(c.model_copy(update={"metric": nothing}) for c in usual.controls),
        }
    )
    text = render(report, locale="ru").partition("</style>")[2]
    assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE)


def test_replicates_are_told_one_by_one_with_mean_and_spread() -> None:
    runs = tuple(
        Replicate(seed=seed, dense=dense, compact=dense - 0.01, controls={"fresh_small": dense / 2})
        for seed, dense in ((4, 0.90), (5, 0.92), (6, 0.94))
    )
    html = render(reports.report(replicates=runs))
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", html)
    cells = {name: re.sub(r"<[^>]+>", " ", rest).split() for name, rest in rows}
    assert cells["5"] == ["92.00%", "91.00%", "fresh_small", "46.00%"]
    assert cells["Mean"] == cells["5"]
    assert " ".join(cells["Spread"]) == "2 points 2 points fresh_small 1 point"
