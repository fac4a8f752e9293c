"""`prunery up`, `prunery migrate`, `prunery serve` and `prunery keys`: running a server."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

# On one machine a lost worker is noticed within seconds.
EMBEDDED = {
    "PRUNERY_LEASE_SECONDS": "8",
    "PRUNERY_HEARTBEAT_SECONDS": "2",
    "PRUNERY_REAP_SECONDS": "2",
    "PRUNERY_REPUBLISH_SECONDS": "20",
    "PRUNERY_STOP_GRACE_SECONDS": "10",
}
STOP_SECONDS = 15.0


def register(app: typer.Typer) -> None:
    """Join the `prunery` command."""
    from app.accounts.commands import keys
    from app.jobs.commands import job

    app.command("up")(up)
    app.command("migrate")(migrate)
    app.command("serve")(serve)
    app.add_typer(job, name="job")
    app.add_typer(keys, name="keys")


def up(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes any free one.", show_default="8000")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for everything.", show_default=".data")
    ] = None,
) -> None:
    """Serve on this machine: the API, a worker for jobs and one for checks, until Ctrl-C."""
    given = {
        "PRUNERY_HOST": host,
        "PRUNERY_PORT": None if port is None else str(port),
        "PRUNERY_DATA_DIR": None if data is None else str(data.absolute()),
    }
    os.environ.update({name: value for name, value in given.items() if value is not None})
    for name, value in EMBEDDED.items():
        os.environ.setdefault(name, value)
    from app.core import log, settings
    from app.core import migrate as migrations
    from app.core.processes import Supervisor

    if importlib.util.find_spec("tensorflow") is None:
        typer.echo("TensorFlow is missing: install prunery[worker] to run jobs.", err=True)
        raise typer.Exit(1)
    chosen = settings.load()
    log.configure(chosen, "up")
    bound = _bind(chosen.host, chosen.port)
    chosen.data_dir.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(chosen.database)
    supervisor = Supervisor(max(STOP_SECONDS, chosen.stop_grace_seconds + 5))
    # Its address is inherited: a port that was free stays ours over restarts of the API.
    os.environ["PRUNERY_PORT"] = str(bound.getsockname()[1])
    supervisor.add("api", ["-m", "app.serve", "--fd", str(bound.fileno())], fds=[bound.fileno()])
    for queue in (chosen.queue, "checks"):
        supervisor.add(f"worker-{queue}", ["-m", "prunery", "work", "--queues", queue])
    supervisor.run(_announce(chosen.host, bound.getsockname()[1]))


def migrate(
    to: Annotated[str, typer.Option(help="Revision to go to.")] = "head",
) -> None:
    """Bring the database that PRUNERY_DATABASE_URL names to the newest schema."""
    from app.core import log, settings
    from app.core import migrate as migrations

    chosen = settings.load()
    log.configure(chosen, "migrate")
    migrations.upgrade(chosen.database, to)
    typer.echo("The database is up to date.")


def serve() -> None:
    """Run the API alone; workers and migrations are elsewhere."""
    os.execv(sys.executable, [sys.executable, "-m", "app.serve"])  # noqa: S606 - ourselves


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        typer.echo(f"Cannot listen on {host}:{port}: {error.strerror}.", err=True)
        raise typer.Exit(1) from error
    bound.listen(2048)
    bound.set_inheritable(True)
    return bound


def _announce(host: str, port: int) -> Callable[[], None]:
    """Print the address once, when it answers."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    url = f"http://{shown}:{port}"
    told = False

    def look() -> None:
        nonlocal told
        if told:
            return
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=1):  # noqa: S310 - http only
                told = True
        except OSError:
            return
        typer.echo(f"Prunery is at {url} (Ctrl-C stops it)")

    return look
