"""`prunery local`: the engine in this process, with no server.

The one place outside the engine that imports it: whoever runs this runs their own files.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from prunery.asked import read_recipe
from prunery.progress import INTERRUPTED
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import Problem, of_fields, raise_problem
from prunery.specs.findings import field_errors
from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve
from prunery.specs.report import Report
from worker.local.architecture import joined
from worker.local.kept import kept, left
from worker.local.listening import listening

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
RecipeFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="A recipe, or a report.json to repeat."),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="key.path=value, for example training.epochs=5")
]


@local.command("inspect")
def inspect_command(
    model: Model,
    dataset: Dataset = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    preset: Preset = None,
    recipe: RecipeFile = None,
    settings: Settings = None,
    label_column: Annotated[str | None, typer.Option(help="Label column of a CSV.")] = None,
    architecture: Architecture = None,
) -> None:
    """Show what a model (and a dataset) is, what can be removed, and why not the rest.

    With a dataset also whether both and the recipe fit, and about how long a job takes; where they
    do not, the exit code is the one that `prunery local prune` would end with.
    """
    from worker.local.inspection import show

    asked, options = _asked(preset, recipe, settings), DatasetOptions(label_column=label_column)
    with joined(model, architecture) as path:
        found = inspect(path, dataset, options, asked)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        show(found, Console())
    if found.get("problem"):
        raise_problem(Problem.model_validate(found["problem"]))


@local.command("prune")
def prune_command(
    model: Model,
    dataset: Dataset = None,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for the result.")] = (
        Path("pruned")
    ),
    preset: Preset = None,
    recipe: RecipeFile = None,
    settings: Settings = None,
    initial_model: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The model before it was trained."),
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
    given = {
        "label_column": label_column,
        "feature_columns": tuple(feature_column) if feature_column else None,
        "validation_fraction": validation_fraction,
        "test_fraction": test_fraction,
        "seed": seed,
    }
    try:
        options = DatasetOptions.model_validate(given)
    except ValidationError as error:
        raise of_fields(field_errors(error, given, DatasetOptions), "request_invalid") from None
    asked = _asked(preset, recipe, settings)
    for folder in left(out):
        typer.echo(f"Left by a run that was stopped: {folder}", err=True)
    try:
        report = prune(model, dataset, asked, out, options, initial_model, architecture)
    except KeyboardInterrupt:
        kept_in = ", ".join(str(folder) for folder in left(out))
        typer.echo(f"Stopped. The same command goes on from {kept_in}.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    from prunery.terminal import show_result

    console = Console(markup=False)
    show_result(console, report)
    console.print(f"The model:  {out / 'model.keras'}\nThe report: {out / 'report.html'}")


def _asked(preset: str | None, recipe: Path | None, settings: list[str] | None) -> dict[str, Any]:
    try:
        return read_recipe(preset, recipe, settings or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def inspect(
    model: Path,
    dataset: Path | None = None,
    options: DatasetOptions | None = None,
    recipe: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What an upload's check finds: model summary, prunability, dataset summary and their fit.

    With a dataset: `problem` where they and the recipe do not go together, else `duration`.
    """
    from worker.engine.job import run
    from worker.local.inspection import judge

    resolved, options = resolve(recipe), options or DatasetOptions()
    with tempfile.TemporaryDirectory() as folder, listening(None) as reporter:
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
            found |= judge(found, options, resolved)
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
    with listening(console) as reporter:
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
