"""Being asked to stop: SIGTERM stops at the next step, SIGUSR1 finishes with what there is."""

from __future__ import annotations

import signal

_asked = {"stop": False, "finish": False}


def listen() -> None:
    """Take the two signals of the runner."""
    signal.signal(signal.SIGTERM, lambda *_: _asked.update(stop=True))
    signal.signal(signal.SIGUSR1, lambda *_: _asked.update(finish=True))


def stop_asked() -> bool:
    return _asked["stop"]


def finish_asked() -> bool:
    return _asked["finish"]
