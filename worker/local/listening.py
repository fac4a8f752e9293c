"""Who listens to an engine in this process: a line at the terminal, or nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from prunery.progress import JobBar, stage_words, time_left
from prunery.specs.events import Event, ProgressEvent, StageEvent

if TYPE_CHECKING:
    from worker.engine.reporter import Reporter


@contextmanager
def listening(console: Console | None) -> Iterator[Reporter]:
    """A reporter that draws one line of progress; silent without a console."""
    _import_tensorflow()
    from worker.engine.reporter import Reporter

    if console is None:
        yield Reporter(_silent)
        return
    with JobBar(console) as bar:
        yield Reporter(Drawn(bar))


def _import_tensorflow() -> None:
    """It greets on the standard error before it can be told not to."""
    from worker.engine import libraries

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    shown, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        libraries.load()
    finally:
        os.dup2(shown, 2)
        os.close(shown)
        os.close(nowhere)


class Drawn:
    """Draws an engine's events as one line."""

    def __init__(self, bar: JobBar) -> None:
        self._bar = bar
        self._text, self._share, self._left = "starting", 0.0, ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, StageEvent):
            self._text = stage_words(event.stage, event.level, event.levels)
        elif isinstance(event, ProgressEvent):
            self._share, self._left = event.share, time_left(event.eta_seconds)
        self._bar.draw(self._text, self._share, self._left)


def _silent(event: Event) -> None:
    """Nobody is waiting."""
