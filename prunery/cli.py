"""The `prunery` command. Exit codes: 0 done, 1 it failed, 2 wrong use, 130 stopped by Ctrl-C.

Commands that need a server's or an engine's code join through the entry points of the group
`prunery.commands`; each is a function `register(app: typer.Typer) -> None`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points

import typer

from prunery import remote
from prunery.specs.errors import PruneryError, in_request

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
    """For a program the problem document, alone on stderr; at a terminal a few lines of words."""
    if sys.stderr.isatty():
        words = "\n".join(_in_words(error))
    else:
        words = error.problem().model_dump_json(indent=2, exclude_none=True)
    sys.stderr.write(words + "\n")


def _in_words(error: PruneryError) -> Iterator[str]:
    """What is wrong, where, and what to do about it."""
    problem = error.problem()
    yield f"{problem.title}. {problem.detail}"
    errors = in_request(problem.errors)
    for one in errors:
        if one.message not in problem.detail:
            yield f"  {one.pointer.lstrip('/').replace('/', '.')}: {one.message}"
    if not errors:
        yield problem.hint


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
