"""What one process of the API holds for as long as it lives, and how a route gets at it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from app.core.broker import Broker
from app.core.database import Database
from app.core.settings import Settings
from app.core.storage import Storage
from app.core.watch import Watch


@dataclass(frozen=True)
class Context:
    """Made once at start by `app.main`; every field may be used from any thread."""

    settings: Settings
    database: Database
    storage: Storage
    broker: Broker
    watch: Watch

    @property
    def incoming_dir(self) -> Path:
        """Where uploads lie until they are judged; beside storage, so that keeping is a rename."""
        return self.settings.data_dir.absolute() / "incoming"


def _of(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Ctx = Annotated[Context, Depends(_of)]
