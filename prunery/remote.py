"""Commands that talk to a server: push, prune, watch, get, jobs, finish, cancel."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from prunery.asked import read_recipe
from prunery.client import Client
from prunery.connection import RemoteError
from prunery.progress import INTERRUPTED, JobBar, file_bar
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import PruneryError
from prunery.specs.job import DatasetView, JobView, ModelView
from prunery.terminal import jobs_table, show_result

MODEL_SUFFIXES = {".keras", ".h5", ".hdf5"}
DATASET_SUFFIXES = {".npz", ".csv", ".tsv", ".zip"}
WANTED = ("model.keras", "report.html", "report.json", "certificate.json")

Server = Annotated[
    str | None, typer.Option("--server", envvar="PRUNERY_URL", help="The server's address.")
]
Key = Annotated[str | None, typer.Option("--key", envvar="PRUNERY_KEY", help="An API key.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Job = Annotated[str, typer.Argument(help="The id of a job (job_...).")]
LabelColumn = Annotated[str | None, typer.Option(help="Label column of a table.")]
Out = Annotated[Path | None, typer.Option("--out", file_okay=False, help="A folder for the files.")]

_console = Console(highlight=False, markup=False)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(push)
    app.command()(prune)
    app.command()(watch)
    app.command()(get)
    app.command()(jobs)
    app.command()(finish)
    app.command()(cancel)


def push(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)],
    label_column: LabelColumn = None,
    server: Server = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Upload models (.keras, .h5) and datasets (.npz, .csv, .tsv, .zip); print their ids."""
    with Client(server, key) as client:
        for file in files:
            view = _push(client, file, label_column, quiet=as_json)
            if as_json:
                _print_json(view.model_dump(mode="json"))
            else:
                _console.print(f"{view.id}  {view.filename}", soft_wrap=True)


def prune(
    model: Annotated[str, typer.Argument(help="A file, or the id of a model (mdl_...).")],
    dataset: Annotated[
        str | None, typer.Argument(help="A file, or the id of a dataset (dst_...).")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="quick, balanced, smallest, article or paper.")
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A recipe, or a report.json to repeat."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="One field of the recipe: key.path=value.")
    ] = None,
    initial_model: Annotated[
        str | None, typer.Option(help="The model before it was trained: a file or an id.")
    ] = None,
    label_column: LabelColumn = None,
    name: Annotated[str | None, typer.Option(help="A name for the job.")] = None,
    detach: Annotated[bool, typer.Option(help="Print the job's id and don't wait.")] = False,
    out: Out = None,
    server: Server = None,
    key: Key = None,
) -> None:
    """Make a model smaller: upload, wait, show the result and fetch the files."""
    try:
        asked = read_recipe(preset, recipe, settings or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if label_column and not (dataset and Path(dataset).is_file()):
        raise typer.BadParameter("--label-column goes with a file that is uploaded now")
    with Client(server, key) as client:
        model_id = _uploaded(client, model, "mdl_")
        dataset_id = _uploaded(client, dataset, "dst_", label_column) if dataset else None
        options = {"name": name} if name else {}
        if initial_model is not None:
            options["initial_model"] = _uploaded(client, initial_model, "mdl_")
        job = client.create_job(model_id, dataset_id, recipe=asked, **options)
        if detach:
            _console.print(job.id)
            return
        _console.print(f"job {job.id}", soft_wrap=True)
        _follow(client, job.id)
        _fetch(client, job.id, WANTED, out or Path(job.id))


def watch(
    job: Job,
    server: Server = None,
    key: Key = None,
) -> None:
    """Follow a job to its end and show the result."""
    with Client(server, key) as client:
        _follow(client, job)


def get(
    job: Job,
    names: Annotated[
        list[str] | None, typer.Argument(help="Files; all.zip holds every one of them.")
    ] = None,
    out: Out = None,
    server: Server = None,
    key: Key = None,
) -> None:
    """Fetch files of a finished job, checked against the server's digests."""
    with Client(server, key) as client:
        _fetch(client, job, names or WANTED, out or Path(job))


def jobs(server: Server = None, key: Key = None, as_json: AsJson = False) -> None:
    """List the jobs, newest first."""
    with Client(server, key) as client:
        found = list(client.jobs())
    if as_json:
        _print_json([job.model_dump(mode="json") for job in found])
        return
    _console.print(jobs_table(found))


def finish(job: Job, server: Server = None, key: Key = None) -> None:
    """Stop a running job and keep the best size so far."""
    with Client(server, key) as client:
        client.finish(job)
    _console.print(f"Packing the best size; `prunery watch {job}` follows it.", soft_wrap=True)


def cancel(job: Job, server: Server = None, key: Key = None) -> None:
    """Stop a job; nothing of it is kept."""
    with Client(server, key) as client:
        _console.print(client.cancel(job).status)


def _push(
    client: Client,
    file: Path,
    label_column: str | None = None,
    *,
    as_model: bool = False,
    quiet: bool = False,
) -> ModelView | DatasetView:
    """Upload by what the file's name says; a .zip may hold either, which `as_model` settles."""
    suffix = file.suffix.lower()
    if suffix not in MODEL_SUFFIXES | DATASET_SUFFIXES:
        known = ", ".join(sorted(MODEL_SUFFIXES | DATASET_SUFFIXES))
        raise typer.BadParameter(f"{file}: a model or dataset ends in one of {known}")
    console = Console(quiet=True) if quiet else _console
    with file_bar(console, file.name) as progress:
        if suffix in MODEL_SUFFIXES or (as_model and suffix == ".zip"):
            return client.upload_model(file, progress=progress)
        options = DatasetOptions(label_column=label_column)
        return client.upload_dataset(file, options=options, progress=progress)


def _uploaded(client: Client, given: str, prefix: str, label_column: str | None = None) -> str:
    file = Path(given)
    if file.is_file():
        view = _push(client, file, label_column, as_model=prefix == "mdl_")
        if not view.id.startswith(prefix):
            wanted = "model" if prefix == "mdl_" else "dataset"
            raise typer.BadParameter(f"{file} is not a {wanted}")
        return view.id
    if given.startswith(prefix):
        return given
    raise typer.BadParameter(f"{given}: no such file, and not an id ({prefix}...)")


def _follow(client: Client, job_id: str) -> None:
    last: JobView | None = None
    try:
        with JobBar(_console) as bar:
            for last in client.watch(job_id):
                bar.show(last)
    except KeyboardInterrupt:
        ways = f"`prunery watch {job_id}` follows it, `prunery cancel {job_id}` stops it."
        _console.print(f"The job goes on: {ways}", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    if last is None or last.status == "succeeded":
        show_result(_console, client.report(job_id))
        return
    if last.error is not None:
        raise RemoteError(last.error)
    raise PruneryError("conflict", f"The job ended as {last.status}, so there is no result.")


def _fetch(client: Client, job_id: str, names: Iterable[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        with file_bar(_console, name) as progress:
            path = client.download(job_id, name, folder / name, progress=progress)
        _console.print(path, soft_wrap=True)


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, indent=2))
