"""The API as a process of its own on loopback, and clients that misbehave."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Server:
    """A running API."""

    port: int
    pid: int
    data_dir: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def peak_bytes(self) -> int:
        """The most memory that the process ever had."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


@contextlib.contextmanager
def serving(data_dir: Path, **settings: Any) -> Iterator[Server]:
    """Serve a folder whose database is migrated."""
    named = {f"PRUNERY_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {**os.environ, "PRUNERY_DATA_DIR": str(data_dir), **named}
    with socket.create_server(("127.0.0.1", 0)) as bound, (data_dir / "log").open("wb") as log:
        bound.set_inheritable(True)
        process = subprocess.Popen(
            [sys.executable, "-m", "app.serve", "--fd", str(bound.fileno())],
            pass_fds=[bound.fileno()],
            env=environment,
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        server = Server(bound.getsockname()[1], process.pid, data_dir)
        try:
            _wait(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(20)


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(f"{server.url}/healthz", timeout=5).is_success:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError((server.data_dir / "log").read_text())


def open_request(server: Server, path: str, length: int, **headers: str) -> socket.socket:
    """Announce a body of `length` bytes and send none of it."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Content-Type: application/octet-stream",
        f"Content-Length: {length}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return connection


def read_answer(connection: socket.socket) -> str:
    """Everything that comes until the server closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts).decode()


def push(connection: socket.socket, most: int) -> int:
    """Send zeros until the server takes no more; how many bytes went."""
    sent, piece = 0, bytes(65_536)
    with contextlib.suppress(OSError):
        while sent < most:
            sent += connection.send(piece)
    return sent
