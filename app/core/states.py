"""How a job may move from status to status: a table, and the only place that knows it.

docs/states.md is generated from it: `python -m app.core.states > docs/states.md`.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from prunery.specs.errors import PruneryError
from prunery.specs.job import TERMINAL, Status


class Transition(NamedTuple):
    source: Status
    target: Status
    by: str


TRANSITIONS = (
    Transition(Status.QUEUED, Status.RUNNING, "a worker's claim"),
    Transition(Status.QUEUED, Status.CANCELLED, "the owner: nothing runs, so it is done at once"),
    Transition(Status.QUEUED, Status.FAILED, "the reaper: too many attempts without a new level"),
    Transition(Status.QUEUED, Status.EXPIRED, "the reaper: it waited longer than the queue allows"),
    Transition(Status.RUNNING, Status.CANCELLING, "the owner"),
    Transition(Status.RUNNING, Status.PAUSED, "its worker, when the owner asked for it"),
    Transition(Status.RUNNING, Status.QUEUED, "the reaper (lease lost), or its worker (SIGTERM)"),
    Transition(Status.RUNNING, Status.SUCCEEDED, "the attempt that holds the lease"),
    Transition(
        Status.RUNNING, Status.FAILED, "the attempt that holds the lease; or the reaper (bounded)"
    ),
    Transition(Status.PAUSED, Status.QUEUED, "the owner"),
    Transition(Status.PAUSED, Status.CANCELLED, "the owner: nothing runs, so it is done at once"),
    Transition(
        Status.CANCELLING, Status.CANCELLED, "its worker; or the reaper when the worker is dead"
    ),
)

GLOSSES = {
    Status.QUEUED: "waits for a worker",
    Status.RUNNING: "a worker holds its lease",
    Status.PAUSED: "stopped at a checkpoint until the owner resumes it",
    Status.CANCELLING: "the owner wants it stopped; its worker has not let go yet",
    Status.SUCCEEDED: "done: the files are there",
    Status.FAILED: "done: `error` says why",
    Status.CANCELLED: "stopped by its owner",
    Status.EXPIRED: "waited in the queue for longer than the limit",
}


def sources(target: Status) -> frozenset[Status]:
    """From where `target` can be reached: the condition of an UPDATE."""
    return frozenset(step.source for step in TRANSITIONS if step.target is target)


def check(source: Status | str, target: Status) -> None:
    """Raise `transition_impossible` unless the table has that step."""
    if Status(source) not in sources(target):
        raise PruneryError(
            "transition_impossible", f"The job is {source}, so it cannot become {target}."
        )


def document() -> str:
    """The page docs/states.md."""
    lines = [
        "# Where a job can stand",
        "",
        "Generated from `app/core/states.py` by `python -m app.core.states`; a test compares them.",
        "",
        "| status | meaning | final |",
        "|---|---|---|",
        *(f"| `{s}` | {GLOSSES[s]} | {'yes' if s in TERMINAL else 'no'} |" for s in Status),
        "",
        "| from | to | by |",
        "|---|---|---|",
        *(f"| `{step.source}` | `{step.target}` | {step.by} |" for step in TRANSITIONS),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(document())
