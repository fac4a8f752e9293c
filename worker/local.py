"""`prunery local`: the engine in this process, with no server.

The one place outside the engine that imports it: whoever runs this runs their own files.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from prunery.asked import read_recipe
from prunery.progress import INTERRUPTED, JobBar, stage_words, time_left
from prunery.specs.datasets import DatasetOptions
from prunery.specs.events import Event, ProgressEvent, StageEvent
from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve
from prunery.specs.report import Report

if TYPE_CHECKING:
    from worker.engine.reporter import Reporter

from worker.architecture import joined
from worker.kept import kept

local = typer.Typer(
    name="local", no_args_is_help=True, help="Work in this process, with no server."
)
USUAL = DatasetOptions()
Model = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=".keras or .h5")]
Dataset = Annotated[
    Path | None,
    typer.Argument(exists=True, dir_okay=False, help="Examples: .npz, .csv or .zip."),
]
Architecture = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="model.to_json() of a weights-only .h5."),
]
Preset = Annotated[str | None, typer.Option(help="quick, balanced, smallest, article, paper")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="key.path=value, for example training.epochs=5")
]


@local.command("inspect")
def inspect_command(
    model: Model,
    dataset: Dataset = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    label_column: Annotated[str | None, typer.Option(help="Label column of a CSV.")] = None,
    architecture: Architecture = None,
) -> None:
    """Show what a model (and a dataset) is, what can be removed, and why not the rest."""
    from worker.inspection import show

    with joined(model, architecture) as path:
        found = inspect(path, dataset, DatasetOptions(label_column=label_column))
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        show(found, Console())


@local.command("prune")
def prune_command(
    model: Model,
    dataset: Dataset = None,
    out: Annotated[Path, typer.Option(help="Folder for the result.")] = Path("pruned"),
    preset: Preset = None,
    recipe: Annotated[
        Path | None, typer.Option(exists=True, help="A recipe, or a report.json to repeat.")
    ] = None,
    settings: Settings = None,
    initial_model: Annotated[
        Path | None, typer.Option(exists=True, help="The model before it was trained.")
    ] = None,
    label_column: Annotated[str | None, typer.Option(help="Label column of a CSV.")] = None,
    feature_column: Annotated[
        list[str] | None, typer.Option(help="A column to learn from; all others, unless given.")
    ] = None,
    validation_fraction: Annotated[
        float, typer.Option(help="Share of the examples to choose by.", min=0.0, max=0.9)
    ] = USUAL.validation_fraction,
    test_fraction: Annotated[
        float, typer.Option(help="Share of the examples for the test.", min=0.0, max=0.9)
    ] = USUAL.test_fraction,
    seed: Annotated[int, typer.Option(help="Seed of splits that are drawn.")] = USUAL.seed,
    architecture: Architecture = None,
) -> None:
    """Train, prune, rewind, retrain and compact a model; write all artifacts to a folder."""
    try:
        options = DatasetOptions(
            label_column=label_column,
            feature_columns=tuple(feature_column) if feature_column else None,
            validation_fraction=validation_fraction,
            test_fraction=test_fraction,
            seed=seed,
        )
        asked = read_recipe(preset, recipe, settings or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    try:
        report = prune(model, dataset, asked, out, options, initial_model, architecture)
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command goes on from here.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    from prunery.tables import result_table

    console = Console()
    console.print(result_table(report))
    console.print(report.verdict.sentence)
    for warning in report.warnings:
        console.print(f"Note: {warning}", markup=False)
    console.print(f"The model:  {out / 'model.keras'}\nThe report: {out / 'report.html'}")


def inspect(
    model: Path, dataset: Path | None = None, options: DatasetOptions | None = None
) -> dict[str, Any]:
    """What an upload's check finds: model summary, prunability, dataset summary and their fit."""
    from prunery.screening import fit
    from prunery.specs.datasets import DatasetSummary
    from prunery.specs.models import ModelSummary
    from worker.engine.job import run

    options = options or DatasetOptions()
    with tempfile.TemporaryDirectory() as folder, _listening(None) as reporter:
        spec = EngineSpec(kind="inspect_model", model=model.absolute(), work_dir=Path(folder))
        found = dict(run(spec, reporter).result)
        if dataset is not None:
            spec = EngineSpec(
                kind="inspect_dataset",
                dataset=dataset.absolute(),
                dataset_filename=dataset.name,
                dataset_options=options,
                work_dir=Path(folder),
            )
            found["dataset"] = run(spec, reporter).result["summary"]
            mismatches = fit.match(
                ModelSummary.model_validate(found["summary"]),
                DatasetSummary.model_validate(found["dataset"]),
                resolve(),
            )
            found["mismatches"] = [error.model_dump() for error in mismatches]
    return found


def prune(
    model: Path,
    dataset: Path | None,
    recipe: dict[str, Any],
    out: Path,
    options: DatasetOptions | None = None,
    initial_model: Path | None = None,
    architecture: Path | None = None,
) -> Report:
    """Run a whole job here and write its artifacts to `out`, complete or not at all.

    Raises `PruneryError` with what went wrong; `out` is then left as it was. Raises
    `KeyboardInterrupt` where it was stopped: the same call then goes on from the last step.
    """
    resolved, options = resolve(recipe), options or DatasetOptions()
    given = (model, dataset, initial_model, architecture)
    asked = (resolved.model_dump_json(), options.model_dump_json())
    with kept(out, given, *asked) as work, joined(model, architecture) as joined_model:
        spec = EngineSpec(
            kind="prune",
            model=joined_model.absolute(),
            model_filename=model.name,
            architecture_filename=architecture.name if architecture else None,
            dataset=dataset.absolute() if dataset else None,
            dataset_filename=dataset.name if dataset else None,
            dataset_options=options,
            initial_model=initial_model.absolute() if initial_model else None,
            recipe=resolved,
            work_dir=work,
            levels_dir=work / "levels",
            checkpoint_dir=work / "checkpoint",
            out_dir=work / "out",
        )
        report = _finished(spec, work)
        out.mkdir(exist_ok=True)
        for path in sorted((work / "out").iterdir()):
            _replace(path, out / path.name)
    return report


def _finished(spec: EngineSpec, work: Path) -> Report:
    """Run the engine in `work` and add to its files what is made from them."""
    from prunery import reports
    from worker.packing import pack_folder

    made = work / "out"
    shutil.rmtree(made, ignore_errors=True)
    _run_stoppably(spec)
    report = Report.model_validate_json((made / "report.json").read_bytes())
    (made / "report.html").write_text(reports.render(report), encoding="utf-8")
    _copy_levels(work / "levels", made / "levels")
    pack_folder(made)
    return report


def _run_stoppably(spec: EngineSpec) -> None:
    """Run the engine; the first Ctrl-C lets it write down where it is, the second does not."""
    console = Console(stderr=True)
    with _listening(console) as reporter:
        from worker.engine.job import run
        from worker.engine.stopping import interruptible
        from worker.engine.training import Interrupted

        with interruptible(lambda: console.print("Stopping. Ctrl-C again stops at once.")):
            try:
                run(spec, reporter)
            except Interrupted:
                raise KeyboardInterrupt from None


def _copy_levels(levels: Path, target: Path) -> None:
    for manifest in sorted(levels.glob("[0-9]*/manifest.json")):
        folder = target / manifest.parent.name
        folder.mkdir(parents=True)
        shutil.copyfile(manifest.parent / "model.keras", folder / "model.keras")


def _replace(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)


@contextmanager
def _listening(console: Console | None) -> Iterator[Reporter]:
    """A reporter that draws one line of progress; silent without a console."""
    _import_tensorflow()
    from worker.engine.reporter import Reporter

    if console is None:
        yield Reporter(_silent)
        return
    with JobBar(console) as bar:
        yield Reporter(_Drawn(bar))


def _import_tensorflow() -> None:
    """It greets on the standard error before it can be told not to."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    shown, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(shown, 2)
        os.close(shown)
        os.close(nowhere)


class _Drawn:
    """Draws an engine's events as one line."""

    def __init__(self, bar: JobBar) -> None:
        self._bar = bar
        self._text, self._share, self._left = "starting", 0.0, ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, StageEvent):
            self._text = stage_words(event.stage, event.level, event.levels)
        elif isinstance(event, ProgressEvent):
            self._share, self._left = event.share, time_left(event.eta_seconds)
        self._bar.draw(self._text, self._share, self._left)


def _silent(event: Event) -> None:
    """Nobody is waiting."""
