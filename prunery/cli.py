"""The `prunery` command. Exit codes: 0 done, 1 it failed (problem document on stderr), 2 wrong use.

Commands that need a server's or an engine's code join through the entry points of the group
`prunery.commands`; each is a function `register(app: typer.Typer) -> None`.
"""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points

import typer

from prunery import remote
from prunery.specs.errors import PruneryError

# What a person typed is at fault, not a job.
WRONG_USE = frozenset({"recipe_invalid", "preset_unknown", "not_available_yet", "request_invalid"})


def build() -> typer.Typer:
    """The whole command, with what is installed here."""
    app = typer.Typer(
        name="prunery",
        help="Make a neural network smaller, and prove that it still works.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    remote.register(app)
    for entry in sorted(entry_points(group="prunery.commands"), key=lambda entry: entry.name):
        _join(app, entry)
    return app


def main() -> None:
    """Run, and turn an error into its problem document and exit code."""
    try:
        build()()
    except PruneryError as error:
        print_problem(error)
        raise SystemExit(exit_code(error)) from None


def print_problem(error: PruneryError) -> None:
    """The problem document, alone on stderr, so that a program can read it."""
    document = error.problem().model_dump_json(indent=2, exclude_none=True)
    sys.stderr.write(document + "\n")


def exit_code(error: PruneryError) -> int:
    """2 where the request itself was wrong, else 1."""
    return 2 if error.code in WRONG_USE else 1


def _join(app: typer.Typer, entry: EntryPoint) -> None:
    try:
        register = entry.load()
    except ModuleNotFoundError as error:
        # A part or an extra that is not installed takes its commands with it; a bug does not hide.
        missing = error.name or ""
        ours = missing.partition(".")[0] in {"prunery", "app", "worker"}
        if ours and not f"{entry.module}.".startswith(f"{missing}."):
            raise
        return
    register(app)
