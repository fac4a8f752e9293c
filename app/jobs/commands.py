"""`prunery job`: looking into jobs, on the machine that reaches the database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# The database's libraries are imported by the command that runs, not by every `prunery`.
job = typer.Typer(no_args_is_help=True, help="Look into jobs of this machine's service.")


@job.callback()
def group() -> None:
    """Look into jobs of this machine's service."""


@job.command()
def explain(
    job_id: Annotated[str, typer.Argument(help="The job's id.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder given to `prunery up`.", show_default=".data")
    ] = None,
    events: Annotated[int, typer.Option(help="How many of the last events.")] = 20,
) -> None:
    """Show a job's row, lease, events, levels and files, straight from the database."""
    from app.core import settings
    from app.core.database import Database
    from app.explain import lines

    chosen = settings.load()
    if data is not None:
        chosen = chosen.model_copy(update={"data_dir": data})
    database = Database(chosen.database)
    try:
        with database.reading() as session:
            for line in lines(session, job_id, events):
                typer.echo(line)
    finally:
        database.dispose()
