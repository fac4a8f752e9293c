"""What a waiting person sees at a terminal: bars for files, one line for a job."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from prunery.specs.job import JobView
from prunery.transfer import Progress as Callback

INTERRUPTED = 130
"""The exit code of what Ctrl-C stopped, as shells have it: 128 + SIGINT."""
STAGE_WORDS = {
    "checking": "checking the files",
    "dense": "learning",
    "pruning": "choosing what goes",
    "rewinding": "rewinding",
    "retraining": "training again",
    "compacting": "removing for good",
    "certifying": "proving that nothing changed",
    "controls": "training the controls",
    "exporting": "packing",
    "reporting": "testing and writing the report",
}


@contextmanager
def file_bar(console: Console, text: str) -> Iterator[Callback]:
    """A bar for one file; yields what to call with bytes done and bytes in all."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(text, total=None)

        def update(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield update


class JobBar:
    """One line that follows a job: stage, level, bar, share, time gone and time left.

    Without a terminal it prints a line when the stage or the level changes.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
            expand=True,
        )
        self._task: TaskID | None = None
        self._said: str | None = None
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, job: JobView) -> None:
        """Draw the job as it stands."""
        share = 1.0 if job.status == "succeeded" else job.progress
        eta = None if job.is_terminal else job.eta_seconds
        self.draw(describe(job), share, time_left(eta))

    def draw(self, text: str, share: float, left: str) -> None:
        """Draw what is being done, the share done, and the words for the time left."""
        if self._task is None:
            self._task = self._bar.add_task(text, total=1.0, left="")
        self._bar.update(self._task, description=text, completed=share, left=left)
        if not self._console.is_terminal and text != self._said:
            seconds = time.monotonic() - self._started
            self._console.print(Text(f"{seconds:6.1f} s  {share:4.0%}  {text}  {left}"))
        self._said = text


def describe(job: JobView) -> str:
    """The state in words: "level 3 of 8: training again"."""
    if job.status != "running" or job.stage is None:
        return str(job.status)
    return stage_words(job.stage, job.level, job.levels)


def stage_words(stage: str, level: int | None, levels: int | None) -> str:
    """A stage in words; an unknown one reads "working"."""
    words = STAGE_WORDS.get(stage, "working")
    return f"level {level} of {levels}: {words}" if level is not None and levels else words


def time_left(seconds: float | None) -> str:
    """The estimate, rounded as far as it can be trusted."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"about {max(5, round(seconds / 5) * 5):.0f} s left"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min left"
    return f"about {seconds / 3600:.1f} h left"
