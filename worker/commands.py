"""`prunery work`: run one worker; `prunery local ...` joins from worker.local.commands."""

from __future__ import annotations

import warnings
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Join the `prunery` command."""
    from worker.local.commands import local

    app.command("work")(work)
    app.add_typer(local)


def work(
    queues: Annotated[
        str | None,
        typer.Option(help="cpu, gpu, checks; without it, jobs and checks side by side."),
    ] = None,
) -> None:
    """Run a worker until SIGTERM, which lets running jobs write a checkpoint and go back."""
    from app.core import log, settings
    from app.core.broker import CHECKS, QUEUES
    from worker.runner.sandbox import probe

    chosen = settings.load()
    names = queues.split(",") if queues else [chosen.queue, CHECKS]
    if unknown := [name for name in names if name not in QUEUES]:
        raise typer.BadParameter(f"no such queue: {', '.join(unknown)}", param_hint="--queues")
    log.configure(chosen, f"worker-{'-'.join(names)}")
    walls = probe.walls()
    if walls.missing:
        typer.echo(f"The sandbox is not whole: {'; '.join(walls.missing)}", err=True)
        if chosen.needs_sandbox:
            typer.echo("Set PRUNERY_SANDBOX_REQUIRED=false to run all the same.", err=True)
            raise typer.Exit(78)
    if len(names) == 1:
        _consume(names)
    else:
        _side_by_side(names, chosen.stop_grace_seconds + 15)


def _consume(names: list[str]) -> None:
    from celery.exceptions import SecurityWarning

    from worker.celery_app import make

    # Root or not: what strangers send is handled by engines, which hold no capability.
    warnings.simplefilter("ignore", SecurityWarning)
    options = ["--pool", "threads", "--concurrency", "1", "--queues", ",".join(names)]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    make(names).worker_main(["--quiet", "worker", *options, *quiet])


def _side_by_side(names: list[str], grace_seconds: float) -> None:
    """One process a queue: an inspection never waits behind a training job."""
    from app.core.processes import Supervisor

    supervisor = Supervisor(grace_seconds)
    for name in names:
        supervisor.add(f"worker-{name}", ["-m", "prunery", "work", "--queues", name])
    supervisor.run()
