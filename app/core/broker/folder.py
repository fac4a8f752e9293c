"""Celery's filesystem transport, hardened: no half-written message is ever read.

Stock kombu writes a message in place and claims it through the temporary folder; one torn file
ends the worker. Here a message appears by rename, is claimed by rename, and what cannot be read
is set aside.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    """Messages are files `<time>_<uuid>.<queue>.msg`, oldest first."""

    # Only the default exchange is used: a message goes to the queue that it names.
    supports_fanout = False

    def _put(self, queue: str, payload: dict[str, Any], **_kwargs: Any) -> None:
        folder = Path(self.data_folder_out)
        # Wall clock: kombu's monotonic one starts again with the machine. Finer than two sends.
        name = f"{time.time_ns():020d}_{uuid.uuid4()}"
        torn = folder / f"{name}.tmp"
        torn.write_bytes(str_to_bytes(dumps(payload)))
        torn.replace(folder / f"{name}.{queue}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:  # noqa: ARG002
        folder = Path(self.data_folder_in)
        suffix = f".{queue}.msg"
        for name in sorted(name for name in os.listdir(folder) if name.endswith(suffix)):  # noqa: PTH208
            claimed = folder / f"{name}.{os.getpid()}.claimed"
            try:
                (folder / name).rename(claimed)
            except FileNotFoundError:  # another worker was faster
                continue
            try:
                message = loads(bytes_to_str(claimed.read_bytes()))
            except ValueError:
                claimed.rename(folder / f"{name}.unreadable")
                continue
            with contextlib.suppress(FileNotFoundError):
                claimed.unlink()
            if isinstance(message, dict):
                return message
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel
    driver_type = "folder"
    driver_name = "folder"
    polling_interval = 0.2
