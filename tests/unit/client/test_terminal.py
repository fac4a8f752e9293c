"""What a person sees at a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from prunery.progress import JobBar, describe, file_bar, time_left
from prunery.specs.job import JobView
from prunery.specs.presets import resolve
from prunery.specs.report import (
    ClassFigures,
    Comparison,
    Data,
    Interval,
    Latency,
    Method,
    ModelFigures,
    OutputFigures,
    Report,
    Task,
    Verdict,
)
from prunery.terminal import jobs_table, kinds_tables, result_table, rows

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _job(**fields: Any) -> JobView:
    start: dict[str, Any] = {"status": "running", "is_terminal": False, "stage": "dense"}
    return JobView(
        id="job_1", name="net", model="mdl_1", recipe=resolve(), created_at=NOW, **(start | fields)
    )


def _report(*, smaller: bool = True) -> Report:
    dense = ModelFigures(
        metric=Interval(value=0.8649, low=0.858, high=0.8715),
        parameters=282_160,
        live_parameters=282_160,
        flops=563_400,
        size_bytes=1_152_707,
        latency=(Latency(examples=1, median_ms=0.342, p95_ms=0.4, runs=200),),
    )
    compact = dense.model_copy(
        update={
            "metric": Interval(value=0.8616, low=0.8547, high=0.8682),
            "parameters": 141_020,
            "latency": (Latency(examples=1, median_ms=0.334, p95_ms=0.4, runs=200),),
        }
    )
    return Report(
        name="The article",
        created_at=NOW,
        seconds=80.0,
        verdict=Verdict(outcome="smaller", sentence="Half the size."),
        task=Task(kind="multiclass", metric="accuracy"),
        data=Data(),
        dense=dense,
        compact=compact if smaller else dense,
        comparison=Comparison(difference=Interval(value=-0.0033, low=-0.007, high=0.0004)),
        method=Method(recipe=resolve()),
    )


def test_every_output_of_several_has_a_line_with_what_it_may_lose() -> None:
    report = _report()
    size = OutputFigures(
        name="size",
        task=Task(kind="regression", metric="mse", metric_higher_is_better=False),
        dense=Interval(value=0.117, low=0.1, high=0.13),
        compact=Interval(value=0.136, low=0.12, high=0.15),
        comparison=Comparison(
            difference=Interval(value=0.019, low=0.01, high=0.03), allowed_drop=0.00117
        ),
    )
    first, second, *_ = rows(report.model_copy(update={"outputs": (size,)}))
    assert first[0] == "size: test mse"
    assert first[3] == "+0.0190\n+0.010, +0.030\nallowed +0.0012"
    assert second[0] == "parameters"


def test_every_output_with_kinds_has_a_table_of_those_that_changed_most() -> None:
    classes = tuple(
        ClassFigures(name=f"kind {n}", examples=10, dense=0.5, compact=0.5 + n / 100)
        for n in range(25)
    )
    found = Comparison(per_class=classes)
    one = OutputFigures(
        name="animal",
        task=Task(kind="multiclass", metric="accuracy"),
        dense=Interval(value=0.5, low=0.4, high=0.6),
        compact=Interval(value=0.6, low=0.5, high=0.7),
        comparison=found,
    )
    other = one.model_copy(update={"name": "size", "comparison": Comparison()})
    (table,) = kinds_tables(_report().model_copy(update={"outputs": (one, other)}))
    console = Console(file=io.StringIO(), width=80, record=True)
    console.print(table)
    text = console.export_text()
    assert "animal: share of right answers" in text
    assert "kind 5 " in text
    assert "kind 4 " not in text
    assert "5 more kinds changed less" in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stage": "retraining", "level": 3, "levels": 8}, "level 3 of 8: training again"),
        ({"stage": "dense"}, "learning"),
        ({"stage": "a stage of next year"}, "working"),
        ({"status": "queued", "stage": None}, "queued"),
        ({"status": "paused", "stage": "dense"}, "paused"),
    ],
)
def test_a_job_is_described_in_words(fields: dict[str, Any], words: str) -> None:
    assert describe(_job(**fields)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (1.0, "about 5 s left"),
        (47.0, "about 45 s left"),
        (700.0, "about 12 min left"),
        (9000.0, "about 2.5 h left"),
    ],
)
def test_time_left_is_rounded_as_far_as_it_can_be_trusted(
    seconds: float | None, words: str
) -> None:
    assert time_left(seconds) == words
    assert time_left(None) == ""


def test_without_a_terminal_each_stage_is_one_line() -> None:
    output = io.StringIO()
    with JobBar(Console(file=output, width=200)) as bar:
        for share in (0.0, 0.1, 0.2):
            bar.show(_job(progress=share))
        bar.show(_job(stage="compacting", level=1, levels=1, progress=0.9))
        bar.show(_job(status="succeeded", is_terminal=True, stage=None, progress=0.9))
    lines = output.getvalue().strip().splitlines()
    assert len(lines) == 3
    assert "0%  learning" in lines[0]
    assert "90%  level 1 of 1: removing for good" in lines[1]
    assert "100%  succeeded" in lines[2]


def test_at_a_terminal_the_bar_shows_share_stage_and_time_left() -> None:
    output = io.StringIO()
    console = Console(file=output, width=120, force_terminal=True, color_system=None)
    with JobBar(console) as bar:
        bar.show(_job(progress=0.41, eta_seconds=700.0))
    shown = output.getvalue()
    assert "learning" in shown
    assert "41 %" in shown
    assert "about 12 min left" in shown


def test_a_file_without_a_terminal_prints_nothing() -> None:
    output = io.StringIO()
    with file_bar(Console(file=output), "net.keras") as progress:
        progress(1, 2)
        progress(2, None)
    assert output.getvalue() == ""


def test_result_sets_dense_beside_compact() -> None:
    found = {name: (dense, compact, change) for name, dense, compact, change in rows(_report())}
    assert found["test accuracy"] == (
        "0.8649\n0.858, 0.872",
        "0.8616\n0.855, 0.868",
        "-0.0033\n-0.007, +0.000",
    )
    assert found["parameters"] == ("282,160", "141,020", "2.00x less")
    assert found["FLOPs"][2] == "no less"
    assert found["ms at batch 1"] == ("0.342", "0.334", "no faster")


def test_an_error_keeps_its_figures_however_large_or_small() -> None:
    def row(scale: float) -> tuple[str, ...]:
        found = Interval(value=1.5734 * scale, low=1.4439 * scale, high=1.7030 * scale)
        figures = _report().dense.model_copy(update={"metric": found})
        change = Interval(value=0.0059 * scale, low=-0.0164 * scale, high=0.0298 * scale)
        update = {"dense": figures, "compact": figures, "comparison": Comparison(difference=change)}
        return rows(_report().model_copy(update=update))[0][1:]

    small = "0.001573\n0.00144, 0.00170"
    assert row(1e-3) == (small, small, "+0.000006\n-0.00002, +0.00003")
    large = "15,734\n14,439, 17,030"
    assert row(1e4) == (large, large, "+59\n-164, +298")
    assert row(0.1)[0] == "0.1573\n0.144, 0.170"


def test_result_of_nothing_removed_promises_nothing() -> None:
    assert {change for name, *_, change in rows(_report(smaller=False)) if "test" not in name} == {
        "no less",
        "no faster",
    }


def test_somebody_elses_figures_stand_in_columns_of_their_own() -> None:
    output = io.StringIO()
    reference = {"test accuracy": ("0.8594", "0.8554")}
    Console(file=output, width=80).print(result_table(_report(), reference))
    lines = output.getvalue().splitlines()
    row = next(number for number, line in enumerate(lines) if "test accuracy" in line)
    assert "0.8594" in lines[row]
    assert "0.8554" in lines[row + 1]
    assert all(len(line) <= 80 for line in lines)
    assert "…" not in output.getvalue()


def test_id_and_date_are_never_cut_and_a_name_is_no_markup() -> None:
    job_id, told = "job_" + "0" * 26, io.StringIO()
    name = "[/b] a name that leaves no room for anything else " * 2
    job = _job().model_copy(update={"id": job_id, "name": name})
    Console(file=told, width=80).print(jobs_table([job]))
    assert job_id in told.getvalue()
    assert f"{job.created_at:%Y-%m-%d %H:%M}" in told.getvalue()
    assert "[/b]" in told.getvalue()
