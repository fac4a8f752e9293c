"""Which processes there are, from /proc; and waiting for what they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def commands() -> dict[int, list[str]]:
    """The command line of every process."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[int(entry.parent.name)] = (
                entry.read_text(errors="replace").rstrip("\0").split("\0")
            )
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def children(parent: int) -> dict[int, list[str]]:
    """The command line of every child of a process."""
    found = {}
    for process, command in commands().items():
        try:
            status = Path(f"/proc/{process}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(status.rpartition(")")[2].split()[1]) == parent:
            found[process] = command
    return found


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until `condition` holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.03)
