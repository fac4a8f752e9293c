"""What a job comes to, as its end fills it in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from prunery.specs.report import Comparison, ControlResult, ModelFigures, OutputFigures
from worker.engine.lottery.controls import Rival
from worker.engine.lottery.trials import Trial


@dataclass
class Result:
    """What is handed over; `shipped` says which network `model.keras` is."""

    trial: Trial
    shipped: str
    rivals: list[Rival] = field(default_factory=list)
    control_results: list[ControlResult] = field(default_factory=list)
    certificate: dict[str, Any] = field(default_factory=dict)
    dense: ModelFigures | None = None
    compact: ModelFigures | None = None
    comparison: Comparison = field(default_factory=Comparison)
    outputs: tuple[OutputFigures, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
