"""`prunery up` prints its address, restarts what dies, and takes everything along at its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.services.processes import children, commands, wait_for


@contextmanager
def up(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    log = data.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prunery", "up", "--port", "0", "--data", str(data), *options],
            stdout=output,
            stderr=output,
        )
    try:
        wait_for(lambda: "Prunery is at" in log.read_text(), 60)
        found = re.search(r"Prunery is at (http://127\.0\.0\.1:\d+)", log.read_text())
        assert found is not None
        yield process, found[1]
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_no_child_outlives_it(tmp_path: Path, how: signal.Signals) -> None:
    with up(tmp_path / "data") as (process, url):
        assert httpx2.get(f"{url}/healthz").is_success
        left = set(children(process.pid))
        assert len(left) == 3
        process.send_signal(how)
        assert process.wait(30) == 0
    wait_for(lambda: not left & set(commands()), 5)


def test_what_dies_is_started_again_on_the_same_port_and_goes_when_it_is_killed(
    tmp_path: Path,
) -> None:
    with up(tmp_path / "data") as (process, url):
        before = children(process.pid)
        for child in before:
            os.kill(child, signal.SIGKILL)
        wait_for(lambda: len(set(children(process.pid)) - set(before)) == 3, 60)
        wait_for(lambda: answers(url))
        left = set(children(process.pid))
        assert len(left) == 3
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
    wait_for(lambda: not left & set(commands()), 5)


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", timeout=2).is_success
    except httpx2.TransportError:
        return False


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "prunery", "up", "--port", port, "--data", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.strip() == f"Cannot listen on 127.0.0.1:{port}: Address already in use."
