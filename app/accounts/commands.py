"""`prunery keys`: making, listing and revoking keys, on the machine that reaches the database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from prunery.specs.errors import PruneryError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# The database's libraries are imported by the command that runs, not by every `prunery`.
keys = typer.Typer(help="Bearer keys of a server that asks for them.", no_args_is_help=True)


@keys.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who will use it, for your own eyes.")],
    owner: Annotated[
        str | None, typer.Option(help="Owner (own_...) whose key it is; else a new owner.")
    ] = None,
) -> None:
    """Make a key and print it: it can never be read again."""
    from app.accounts import service

    with _session() as session:
        owner_id = owner or service.create_owner(session, name)
        key_id, key = service.create_key(session, owner_id, name)
    typer.echo(f"{key_id} of {owner_id}", err=True)
    typer.echo(key)


@keys.command("list")
def show() -> None:
    """Every key that is in force: its id, its owner, its name, when it was made."""
    from app.accounts import service

    with _session() as session:
        for row in service.all_keys(session):
            typer.echo(f"{row.id}  {row.owner_id}  {row.created_at:%Y-%m-%d}  {row.name}")


@keys.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Id of the key (key_...).")]) -> None:
    """Make a key useless from now on."""
    from app.accounts import service

    with _session() as session:
        service.revoke_any_key(session, key_id)
    typer.echo(f"{key_id} is revoked.")


@contextlib.contextmanager
def _session() -> Iterator[Session]:
    from app.core import settings
    from app.core.database import Database

    database = Database(settings.load().database)
    try:
        with database.session() as session:
            yield session
    except PruneryError as error:
        typer.echo(error.detail, err=True)
        raise typer.Exit(1) from None
    finally:
        database.dispose()
