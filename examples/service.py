"""Start `prunery up` on a free loopback port, and stop it with everything it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

START_SECONDS = 60
STOP_SECONDS = 20


class ServiceFailedError(Exception):
    """The service did not start or died; the message ends with what it said last."""


@contextmanager
def running(data: Path, log: Path) -> Iterator[str]:
    """Yield the address of a service that keeps its database and files in `data`."""
    port = _free_port()
    command = [sys.executable, "-m", "prunery", "up"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--data", str(data)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A group of its own: Ctrl-C at the terminal reaches us alone, and we stop it in order.
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, url, log)
        yield url
    finally:
        _stop(process)


def last_lines(log: Path, count: int = 20) -> str:
    """The end of what the service said."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise ServiceFailedError(f"The service did not start:\n{last_lines(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
