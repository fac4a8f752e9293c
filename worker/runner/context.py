"""What a worker process holds: made once, used by every task."""

from __future__ import annotations

import dataclasses
import functools
import os
import secrets
import socket
import threading

from app.core import settings as settings_module
from app.core.broker import Broker
from app.core.database import Database
from app.core.settings import Settings
from app.core.storage import Storage


@dataclasses.dataclass(frozen=True)
class Context:
    """`stopping`: the worker was told to end. `busy`: it works. `queues`: those it listens to."""

    settings: Settings
    database: Database
    storage: Storage
    broker: Broker
    worker: str
    stopping: threading.Event
    busy: threading.Event
    queues: set[str]

    @classmethod
    def make(cls, settings: Settings) -> Context:
        return cls(
            settings,
            Database(settings.database),
            Storage.from_settings(settings),
            Broker(settings),
            f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}",
            stopping=threading.Event(),
            busy=threading.Event(),
            queues=set(),
        )


@functools.cache
def current() -> Context:
    """The context of this process."""
    return Context.make(settings_module.load())
