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
from prunery.specs.recipe import Objective, Recipe
from prunery.specs.report import (
    ClassFigures,
    Comparison,
    Data,
    Interval,
    LayerRemoval,
    OutputFigures,
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


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        (
            "en",
            [
                "size",
                "Mean absolute error",
                "0.100 higher",
                "5.0%",
                "above your limit",
                "size lost",
            ],
        ),
        ("ru", ["size", "Средняя ошибка", "Выход size потерял", "0,100 выше", "5,0"]),
    ],
)
def test_every_output_of_several_is_told_with_its_own_limit(locale: str, said: list[str]) -> None:
    """The main one stays within the limit, and the other does not."""
    error = Task(
        kind="regression", metric="mae", metric_higher_is_better=False, drop_is_relative=True
    )
    difference = Interval(value=0.1, low=0.02, high=0.2)
    kind, size = (
        OutputFigures(
            name=name,
            task=task,
            dense=reports.interval(1.0),
            compact=reports.interval(1.1),
            comparison=found,
        )
        for name, task, found in (
            ("kind", reports.report().task, reports.comparison()),
            ("size", error, Comparison(difference=difference, allowed_drop=0.05)),
        )
    )
    smallest = reports.levels()[-1].model_copy(
        update={
            "within_limit": False,
            "why_missed": "The output size lost too much: mae 1.1, 1 before.",
        }
    )
    recipe = Recipe(objective=Objective(max_metric_drop=0.05))
    report = reports.report(
        outputs=(kind, size),
        levels=(*reports.levels()[:-1], smallest),
        method=reports.report().method.model_copy(update={"recipe": recipe}),
    )
    html = render(report, locale=locale)
    for words in said:
        assert words in html
    assert "above your limit" not in render(report.model_copy(update={"outputs": ()}))


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


def test_the_control_that_won_is_said_in_plain_words() -> None:
    verdict = Verdict(outcome="smaller", sentence="", shipped="fresh_small", winning_ticket=False)
    html = render(reports.report(verdict=verdict))
    assert "A freshly initialised small network did as well" in html
    assert "It is not a winning ticket" in html


def test_repeated_looks_at_the_test_are_counted() -> None:
    html = render(reports.report(comparison=reports.comparison(test_looks=3)))
    assert "They were looked at 3 times" in html


def test_only_a_page_with_an_address_has_a_slider() -> None:
    assert 'type="range"' not in render(reports.report())
    inside = render(reports.report(), standalone=False, levels_url="/jobs/job_1")
    assert 'action="/jobs/job_1#lv"' in inside
    assert "<html" not in inside


def test_the_stylesheet_is_small_and_asks_no_stranger() -> None:
    text = (STATIC / "style.css").read_text("utf-8")
    assert len(text.encode()) < 25_000
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text


def test_a_control_measured_on_other_examples_is_told_but_not_drawn() -> None:
    usual = reports.report()
    moved = tuple(one.model_copy(update={"note": "on test examples"}) for one in usual.controls)
    html = render(usual.model_copy(update={"controls": moved}))
    assert "random-m" not in html.partition("</style>")[2]
    assert "on test examples" in html
    assert "small net, fresh start" in html


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


def test_steps_stand_by_size_though_levels_went_back_up_after_a_miss() -> None:
    usual = reports.levels(chosen=7)
    small, large = usual[5], usual[6]
    swapped = (
        *usual[:5],
        large.model_copy(update={"level": 5}),
        small.model_copy(update={"level": 6}),
        *usual[7:],
    )
    expected = [f"{level.live_parameters:,}" for level in usual]
    for levels in (usual, swapped):
        html = render(reports.report(levels=levels))
        found = [n for n in re.findall(r'<td class="r">([\d,]+)</td>', html) if n in expected]
        assert found[: len(expected)] == expected


def test_a_loss_above_the_limit_on_the_test_is_not_hidden() -> None:
    over = reports.comparison(difference=Interval(value=-0.02, low=-0.03, high=-0.01))
    assert "the loss is above your limit" in render(reports.report(comparison=over))
    assert "the loss is above your limit" not in render(reports.report())


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.9900, "not on those that it was trained on"), (0.8800, "not clearly enough"), (0.8700, "")],
)
def test_a_smaller_size_that_may_have_been_lucky_is_told(value: float, told: str) -> None:
    *others, last = reports.levels()
    level = last.model_copy(update={"metric": reports.interval(value), "within_limit": False})
    html = render(reports.report(levels=(*others, level)))
    assert ("A smaller size was passed over" in html) == bool(told)
    assert told in html


@pytest.mark.parametrize(
    ("half", "allowed", "told"), [(0.02, 0.01, True), (0.004, 0.01, False), (0.02, 0.03, False)]
)
def test_a_smaller_size_that_may_have_had_bad_luck_is_told(
    half: float, allowed: float, told: bool
) -> None:
    *others, last = reports.levels()
    metric = Interval(value=0.8700, low=0.8700 - half, high=0.8700 + half)
    level = last.model_copy(update={"metric": metric, "within_limit": False})
    comparison = reports.comparison(allowed_drop=allowed)
    html = render(reports.report(levels=(*others, level), comparison=comparison))
    assert ("A smaller size may be as good" in html) == told


@pytest.mark.parametrize(("examples", "told"), [(14, True), (99, True), (300, False)])
def test_a_size_chosen_by_single_answers_is_told(examples: int, told: bool) -> None:
    data = Data(examples={"train": 1_000, "validation": examples, "test": 5_000})
    html = render(reports.report(data=data, comparison=reports.comparison(allowed_drop=0.01)))
    assert (f"chosen on {examples} examples, where one answer weighs more" in html) == told


def test_a_ticket_within_the_noise_is_not_called_a_loser() -> None:
    margin = Interval(value=0.009, low=-0.0076, high=0.0256)
    verdict = Verdict(outcome="smaller", sentence="", winning_ticket=False, ticket_margin=margin)
    html = render(reports.report(verdict=verdict))
    assert "It is not shown to be a winning ticket" in html
    assert "did about as well or better" not in html


def test_weights_that_were_never_reset_neither_win_nor_lose_as_a_ticket() -> None:
    margin = Interval(value=0.009, low=0.004, high=0.0256)
    verdict = Verdict(outcome="smaller", sentence="", shipped="fine_tuned", ticket_margin=margin)
    html = render(reports.report(verdict=verdict))
    assert "no lottery ticket in the strict sense" in html
    assert "Against the best control" in html
    assert "a winning ticket" not in html
    assert "better than rewinding" not in html


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
