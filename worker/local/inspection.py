"""What `prunery local inspect` found: whether it fits, and how a terminal shows it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prunery.reports.language import SOURCE, load
from prunery.reports.numbers import Numbers
from prunery.screening import duration, fit
from prunery.specs.datasets import DatasetOptions, DatasetSummary
from prunery.specs.errors import PruneryError
from prunery.specs.models import ModelSummary, Prunability
from prunery.specs.recipe import Recipe


def judge(found: dict[str, Any], options: DatasetOptions, recipe: Recipe) -> dict[str, Any]:
    """Do model, dataset and recipe go together? Else `problem`, the document that says why not."""
    model = ModelSummary.model_validate(found["summary"])
    dataset = DatasetSummary.model_validate(found["dataset"])
    try:
        fit.require(model, dataset, recipe, Prunability.model_validate(found["prunability"]))
    except PruneryError as error:
        return {"problem": error.problem().model_dump(exclude_none=True)}
    expected = duration.estimate(model, dataset, options, recipe)
    return {"problem": None, "duration": expected.model_dump()}


def show(found: dict[str, Any], console: Console) -> None:
    """Model, groups, what is left alone and why, and the dataset beside them."""
    summary, prunability = found["summary"], found["prunability"]
    console.print(f"[bold]{escape(summary['name'])}[/bold]: {summary['layers']} layers, "
                  f"{summary['parameters']:,} parameters, task: {summary['task']}")  # fmt: skip
    for note in summary["notes"]:
        console.print(f"Note: {note}", markup=False)
    groups = Table(title="What can be removed", title_justify="left")
    for heading in ("group", "layers", "units", "parameters", "FLOPs"):
        groups.add_column(heading, justify="left" if heading in ("group", "layers") else "right")
    for group in prunability["groups"]:
        counts = (f"{group[name]:,}" for name in ("units", "parameters", "flops"))
        groups.add_row(escape(group["name"]), escape(", ".join(group["layers"])), *counts)
    console.print(groups)
    for info in prunability["frozen"]:
        way_out = f" {info['way_out']}" if info.get("way_out") else ""
        console.print(f"Left alone: {info['layer']}. {info['reason']}{way_out}", markup=False)
    if "dataset" in found:
        _show_dataset(found, console)


def _show_dataset(found: dict[str, Any], console: Console) -> None:
    counts = ", ".join(f"{name} {count:,}" for name, count in found["dataset"]["examples"].items())
    console.print(f"Dataset: {found['dataset']['format']}, examples: {counts}")
    for array in found["dataset"]["arrays"]:
        console.print(
            f"  {array['name']} ({array['split']}): {array['shape']} {array['dtype']}", markup=False
        )
    if not found["problem"]:
        told = found["duration"]["least_seconds"], found["duration"]["most_seconds"]
        time = Numbers(load(SOURCE)).between(*told)
        console.print(f"Model and dataset fit. A job takes {time}.")
