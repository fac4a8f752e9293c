"""The levels of a report: in order of size, beside their controls, with a slider where it works."""

from __future__ import annotations

import re

from prunery.reports import render
from tests.factories import reports


def test_only_a_page_with_an_address_has_a_slider() -> None:
    assert 'type="range"' not in render(reports.report())
    inside = render(reports.report(), standalone=False, levels_url="/jobs/job_1")
    assert 'action="/jobs/job_1#lv"' in inside
    assert "<html" not in inside


def test_a_control_measured_on_other_examples_is_told_but_not_drawn() -> None:
    usual = reports.report()
    moved = tuple(one.model_copy(update={"note": "on test examples"}) for one in usual.controls)
    html = render(usual.model_copy(update={"controls": moved}))
    assert "random-m" not in html.partition("</style>")[2]
    assert "on test examples" in html
    assert "small net, fresh start" in html


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
