"""Being asked to stop: SIGTERM stops at the next step, SIGUSR1 finishes with what there is.

At a terminal Ctrl-C does what SIGTERM does, and a second one ends at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_asked = {"stop": False, "finish": False}


def listen() -> None:
    """Take the two signals of the runner."""
    signal.signal(signal.SIGTERM, lambda *_: _asked.update(stop=True))
    signal.signal(signal.SIGUSR1, lambda *_: _asked.update(finish=True))


@contextmanager
def interruptible(told: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C stop at the next step, after `told()`; only a main thread is ever told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(*_: object) -> None:
        _asked.update(stop=True)
        signal.signal(signal.SIGINT, usual)
        told()

    usual = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        _asked.update(stop=False)


def stop_asked() -> bool:
    return _asked["stop"]


def finish_asked() -> bool:
    return _asked["finish"]
