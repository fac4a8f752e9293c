"""What the engine tells the outside while it works: JSON lines, warnings kept for the report.

`share` never falls: a plan of expected example-steps is made first and revised as levels shrink.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from prunery.specs.events import (
    CheckpointEvent,
    Event,
    LevelEvent,
    ProgressEvent,
    StageEvent,
    WarningEvent,
    dump,
)
from prunery.specs.report import Decision


class Sink(Protocol):
    """Where events go: a file descriptor for the service, a progress bar for `prunery local`."""

    def __call__(self, event: Event) -> None: ...


class LineSink:
    """One JSON line per event on a file descriptor of its own (converters print on stdout)."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, event: Event) -> None:
        line = dump(event)
        while line:
            line = line[os.write(self._descriptor, line) :]


@dataclass
class Work:
    """A named piece of planned work; `size` in example-steps of the dense model."""

    name: str
    size: float


@dataclass
class Reporter:
    """Stages, progress with an estimate of the time left, warnings and decisions."""

    sink: Sink
    plan: list[Work] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    stage_name: str = "checking"
    _share: float = 0.0
    _done: float = 0.0
    _skipped: float = 0.0
    _began: float = field(default_factory=time.monotonic)
    _told: float = 0.0
    _offered: float = 0.0

    def stage(self, stage: str, level: int | None = None, levels: int | None = None) -> None:
        self.stage_name = stage
        self.sink(StageEvent(stage=stage, level=level, levels=levels))

    def sink_without_levels(self) -> Sink:
        """For work beside the job's own ladder: its levels, stages and progress stay untold."""

        def take(event: Event) -> None:
            if isinstance(event, WarningEvent):
                self.sink(event)

        return take

    def warn(self, code: str, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)
            self.sink(WarningEvent(code=code, message=message))

    def decide(self, field_name: str, chosen: str, why: str) -> None:
        """Note what was chosen where the recipe left it to us; the last word on a field stands."""
        self.decisions = [d for d in self.decisions if d.field != field_name]
        self.decisions.append(Decision(field=field_name, chosen=chosen, why=why))

    def recall(self, warnings: Iterable[str], decisions: Iterable[Decision]) -> None:
        """Take over what an earlier attempt noted, and told, already."""
        self.warnings += [warning for warning in warnings if warning not in self.warnings]
        for one in decisions:
            self.decide(one.field, one.chosen, one.why)

    def level(self, event: LevelEvent) -> None:
        self.sink(event)

    def checkpoint(self, written_at: float) -> None:
        """Say that the checkpoint folder holds something new; `written_at` tells news from old."""
        if written_at > self._offered:
            self._offered = written_at
            self.sink(CheckpointEvent(path="checkpoint"))

    def plan_work(self, plan: list[Work]) -> None:
        """Replace what is still to be done; work that is finished stays counted."""
        self.plan = plan

    @contextmanager
    def work(self, name: str) -> Iterator[None]:
        """Do one piece of the plan; on leaving it counts as done, however early it stopped."""
        yield
        self.finish(name)

    def finish(self, name: str, *, skipped: bool = False) -> None:
        """Count a piece as done; `skipped` when an earlier attempt did it (no speed to learn)."""
        for work in [w for w in self.plan if w.name == name]:
            self._done += work.size
            self._skipped += work.size if skipped else 0.0
            self.plan.remove(work)
        self.progress(name, 0.0)

    def progress(
        self, name: str, share: float, epoch: int | None = None, epochs: int | None = None
    ) -> None:
        """Say how far a piece of the plan is; about twice a second reaches the sink."""
        within = sum(w.size * share for w in self.plan if w.name == name)
        total = self._done + sum(w.size for w in self.plan)
        if total <= 0:
            return
        done = self._done + within
        self._share = max(self._share, min(done / total, 1.0))
        now = time.monotonic()
        if now - self._told < 0.4 and share:
            return
        self._told = now
        self.sink(
            ProgressEvent(
                share=round(self._share, 4),
                epoch=epoch,
                epochs=epochs,
                eta_seconds=self._eta(done, total, now),
            )
        )

    def _eta(self, done: float, total: float, now: float) -> float | None:
        worked = done - self._skipped
        if worked <= 0 or worked / total < 0.01:
            return None
        return round((now - self._began) * (total - done) / worked, 1)
