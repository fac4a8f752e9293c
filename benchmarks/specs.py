"""The spec of a job that a benchmark runs in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve


def job_in(folder: Path, model: Path, dataset: Path | None, recipe: dict[str, Any]) -> EngineSpec:
    """A pruning job whose levels and scratch files lie in `folder`."""
    spec = EngineSpec(
        kind="prune",
        model=model,
        dataset=dataset,
        recipe=resolve(recipe),
        work_dir=folder / "work",
        levels_dir=folder / "levels",
        out_dir=folder / "out",
    )
    spec.work_dir.mkdir(exist_ok=True)
    return spec
