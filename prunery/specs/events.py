"""The JSON lines an engine writes on its own file descriptor, one event a line.

    {"type": "stage", "stage": "retraining", "level": 3, "levels": 8}
    {"type": "progress", "share": 0.41, "epoch": 2, "epochs": 10}
    {"type": "level", "level": 3, "path": "levels/3", "figures": {...}}
    {"type": "checkpoint", "path": "checkpoint"}
    {"type": "warning", "code": "layer_collapse", "message": "..."}
    {"type": "done", "result": {...}}
    {"type": "problem", "problem": {...}}

`done` or `problem` is the last line; neither means that the engine died.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from prunery.specs.base import Wire
from prunery.specs.errors import Problem
from prunery.specs.job import Figures


class StageEvent(Wire):
    """What is being done now; `level` k of `levels` where there is one."""

    type: Literal["stage"] = "stage"
    stage: str
    level: int | None = None
    levels: int | None = None


class ProgressEvent(Wire):
    """`share` of the planned example-steps, 0 to 1, never falling."""

    type: Literal["progress"] = "progress"
    share: float
    epoch: int | None = None
    epochs: int | None = None
    eta_seconds: float | None = None


class LevelEvent(Wire):
    """A finished level; its folder `path` is complete and will not change."""

    type: Literal["level"] = "level"
    level: int
    path: str
    figures: Figures
    within_limit: bool | None = None


class CheckpointEvent(Wire):
    """`path` holds a complete checkpoint inside the current level; it replaces the one before."""

    type: Literal["checkpoint"] = "checkpoint"
    path: str


class WarningEvent(Wire):
    type: Literal["warning"] = "warning"
    code: str
    message: str


class DoneEvent(Wire):
    """`artifacts` are file names below `out_dir`; `result` is the inspection or the headline."""

    type: Literal["done"] = "done"
    result: dict[str, Any] = {}
    artifacts: tuple[str, ...] = ()


class ProblemEvent(Wire):
    type: Literal["problem"] = "problem"
    problem: Problem


Event = Annotated[
    StageEvent
    | ProgressEvent
    | LevelEvent
    | CheckpointEvent
    | WarningEvent
    | DoneEvent
    | ProblemEvent,
    Field(discriminator="type"),
]
_adapter: TypeAdapter[Event] = TypeAdapter(Event)


def parse(line: str | bytes) -> Event:
    """Read one line; raises `pydantic.ValidationError` on anything else."""
    return _adapter.validate_json(line)


def dump(event: Event) -> bytes:
    """One line, newline included."""
    return event.model_dump_json(exclude_none=True).encode() + b"\n"
