"""Waiting for rows to change: one query for all who wait, no thread and no session per waiter.

A worker in another process changes the rows, so somebody has to look. One task looks, for as long
as anybody waits, and wakes those whose row is no longer what they have seen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field

import structlog

BACK_OFF_SECONDS = 2.0
Look = Callable[[frozenset[str]], Mapping[str, Hashable]]
log = structlog.get_logger("watch")


@dataclass(eq=False)
class Watcher:
    """One waiter. `version` is what was last seen; a row that is gone is None."""

    id: str
    version: Hashable = None
    seen: asyncio.Event = field(default_factory=asyncio.Event)

    async def changed(self, since: Hashable, seconds: float) -> bool:
        """Wait until the row differs from `since`; False when the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self.seen.wait()
                    if self.version != since:
                        return True
                    self.seen.clear()
        return False


class Watch:
    """Looks at rows for everybody who waits. `look` runs in a thread and takes all ids at once."""

    def __init__(self, look: Look, every_seconds: float = 0.25) -> None:
        self._look = look
        self._every_seconds = every_seconds
        self._watchers: dict[str, set[Watcher]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def on(self, row_id: str) -> Iterator[Watcher]:
        """Watch one row for as long as the block lasts; call it in the server's event loop."""
        watcher = Watcher(row_id)
        self._watchers[row_id].add(watcher)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            yield watcher
        finally:
            self._watchers[row_id].discard(watcher)
            if not self._watchers[row_id]:
                del self._watchers[row_id]

    async def close(self) -> None:
        """Stop looking; waiters run into their own time limits."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while self._watchers:
            await self._look_once()
            await asyncio.sleep(self._every_seconds)

    async def _look_once(self) -> None:
        ids = frozenset(self._watchers)
        try:
            found = await asyncio.to_thread(self._look, ids)
        except Exception as error:  # the database may be away: waiters go on waiting
            log.warning("cannot look at what is waited for", error=type(error).__name__)
            await asyncio.sleep(BACK_OFF_SECONDS)
            return
        for row_id in ids:
            for watcher in self._watchers.get(row_id, ()):
                watcher.version = found.get(row_id)
                watcher.seen.set()
