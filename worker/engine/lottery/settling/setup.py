"""From a spec to a bench: load, prepare, analyse, and settle everything the recipe left open."""

from __future__ import annotations

from prunery.specs.errors import FieldError, PruneryError, of_fields
from prunery.specs.job import EngineSpec
from prunery.specs.report import Task
from prunery.specs.rules import check_inputs
from worker.engine import profiling
from worker.engine.datasets import Dataset, prepare
from worker.engine.graph import analyse
from worker.engine.loading import Loaded, load, summarise
from worker.engine.lottery.bench import Bench, weights_of
from worker.engine.lottery.settling import lengths, premises, tasks
from worker.engine.lottery.settling.start import settle_start
from worker.engine.reporter import Reporter


def set_up(spec: EngineSpec, reporter: Reporter) -> Bench:
    """Everything known before the first round.

    Raises `model_*`, `dataset_*`, `recipe_invalid`: whatever makes the job pointless is said here,
    before hours are spent.
    """
    recipe = spec.recipe
    if recipe is None or spec.model is None:
        raise PruneryError("recipe_invalid", "A pruning job needs a model and a recipe.")
    reporter.stage("checking")
    check_inputs(
        recipe,
        has_initial_model=spec.initial_model is not None,
        has_dataset=spec.dataset is not None or recipe.training.epochs != 0,
    )
    loaded = load(spec.model, limits=spec.limits)
    summary = summarise(loaded, flops=profiling.flops(loaded.model))
    bench = Bench(
        spec=spec,
        recipe=recipe,
        reporter=reporter,
        loaded=loaded,
        summary=summary,
        model=loaded.model,
        graph=analyse(loaded.model, approximate=recipe.approximate),
        task=Task(kind=summary.task),
        loop=recipe.training.loop,
        seed=recipe.seed,
    )
    premises.check_names(bench)
    for note in loaded.notes:
        reporter.warn("model", note)
    if spec.dataset is not None:
        bench.dataset = _dataset(bench)
        premises.check_loss(bench)
        tasks.settle(bench)
    elif recipe.training.epochs != 0:
        message = "Training needs a dataset; without one, set training.epochs to 0."
        raise of_fields([FieldError(pointer="/dataset", message=message)], "request_invalid")
    premises.check_labels(bench)
    settle_start(bench)
    if bench.trained and bench.trains:
        _choose_by_unseen(bench)
    if bench.dataset is not None:  # what is trained on is known now
        lengths.settle(bench)
        premises.check_rewind_point(bench)
    if spec.initial_model is not None:
        _take_initial(bench)
    premises.check_past(bench)
    premises.tell_frozen(bench)
    return bench


def _dataset(bench: Bench) -> Dataset:
    spec, recipe = bench.spec, bench.recipe
    assert spec.dataset is not None
    dataset = prepare(
        spec.dataset,
        spec.dataset_filename or spec.dataset.name,
        spec.dataset_options,
        bench.summary,
        recipe.data,
        cache_dir=spec.cache_dir,
        work_dir=bench.folder("data"),
        loss=None if recipe.training.loss == "auto" else recipe.training.loss,
        labels_needed=False,
        limits=spec.limits,
    )
    for note in dataset.notes:
        bench.reporter.warn("data", note)
    if recipe.training.epochs != 0 and not _chooses(bench):
        dataset = dataset.merge_validation_into_train()
        why = "Nothing is chosen by it in this recipe, so all of train is trained on."
        bench.reporter.decide("validation", "none held out", why)
    return dataset


def _choose_by_unseen(bench: Bench) -> None:
    """Keep a trained upload's memory of its training examples out of what levels are held to."""
    assert bench.dataset is not None
    if "test" in bench.dataset.drawn:
        bench.reporter.warn(
            "test_seen",
            "The model came trained, and no test examples came with it: it may have been trained "
            "on those that were drawn. Then it seems better than it is, and smaller models seem to "
            "lose more than they do. Give test examples that it has never seen; or set start to "
            '"reinitialize", and it is trained anew here.',
        )
    dataset = bench.dataset.choose_by_unseen() if _chooses(bench) else bench.dataset
    if dataset is not bench.dataset:
        bench.dataset = dataset
        bench.reporter.decide(
            "validation",
            "every second test example",
            "The model came trained and has most likely seen all of train: its figure there would "
            "be too kind. The other half of the test examples is read once, at the end.",
        )


def _chooses(bench: Bench) -> bool:
    """Whether anything is decided on validation examples."""
    recipe = bench.recipe
    return (
        recipe.objective.max_metric_drop is not None
        or recipe.training.early_stopping
        or recipe.training.schedule == "auto"
        or recipe.rewind.to == "auto"
    )


def _take_initial(bench: Bench) -> None:
    """Keep the true initial weights of a trained upload; same layers and shapes, or refused."""
    spec = bench.spec
    assert spec.initial_model is not None
    initial: Loaded = load(spec.initial_model, limits=spec.limits, initial=True)
    ours, theirs = weights_of(bench.model), weights_of(initial.model)
    wrong = [k for k, v in ours.items() if k not in theirs or theirs[k].shape != v.shape]
    if wrong:
        raise PruneryError(
            "model_weights_invalid",
            f"initial_model has no {wrong[0]} of shape {ours[wrong[0]].shape}.",
            hint="Give the same architecture, saved before it was trained.",
        )
    bench.facts["initial"] = {key: theirs[key] for key in ours}
