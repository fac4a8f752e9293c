"""What each class weighs in training: the recipe's class weights, by output and class index."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from prunery.specs.errors import FieldError, PruneryError, pointer_to
from worker.engine.lottery.bench import Bench
from worker.engine.training.classes import ByClass, balanced


def settle(bench: Bench) -> tuple[ByClass | None, ...] | None:
    """Weights of each output of the model, in its order; None without class weights.

    `"balanced"` weighs every output that answers with one class an example. Raises
    `recipe_invalid` for a class or output that is not there, for labels that are no classes, and
    for weights by class where several outputs could be meant.
    """
    asked = bench.recipe.training.class_weight
    if asked is None:
        return None
    outputs = [tensor.name for tensor in bench.summary.outputs]
    counts = {name: found for name in outputs if (found := _counts(bench, name))}
    if not counts:
        raise _refused("The labels are no classes: leave it out.")
    by_output: Mapping[str, object] = _by_output(asked, outputs, counts)
    weights: dict[str, ByClass] = {}
    for name, given in by_output.items():
        if name not in counts:
            some = ", ".join(counts)
            message = f"No output answers with classes under this name; these do: {some}."
            raise _refused(message, name)
        weights[name] = (
            balanced(counts[name]) if given == "balanced" else _named(bench, name, given)
        )
    return tuple(weights.get(name) for name in outputs)


def _by_output(
    asked: object, outputs: list[str], counts: Mapping[str, list[int]]
) -> Mapping[str, object]:
    if asked == "balanced":
        return dict.fromkeys(counts, "balanced")
    assert isinstance(asked, Mapping)
    if any(isinstance(value, (int, float)) for value in asked.values()):
        if len(outputs) > 1:
            inside = ", ".join(f'"{name}": {{...}}' for name in counts)
            message = f"The model has several outputs: say which one is meant, {{{inside}}}."
            raise _refused(message)
        return {outputs[0]: asked}
    return asked


def _named(bench: Bench, output: str, given: object) -> ByClass:
    """By class index what the recipe says by class name."""
    assert isinstance(given, Mapping)
    assert bench.dataset is not None
    classes = bench.dataset.classes_of[output]
    for name in given:
        if name not in classes:
            some = ", ".join(classes[:20])
            raise _refused(f"There is no class {name[:80]!r}; classes are: {some}.", name)
    return {classes.index(name): float(weight) for name, weight in given.items()}


def _counts(bench: Bench, output: str) -> list[int] | None:
    """Training examples of each class of one output; None where its labels are no classes."""
    assert bench.dataset is not None
    classes = bench.dataset.classes_of.get(output)
    labels = bench.dataset.train.y.get(output)
    if not classes or labels is None or labels.ndim > 2:
        return None
    if labels.ndim == 2 and labels.shape[1] > 1:
        single = bool((np.asarray(labels).sum(axis=1) == 1).all())
        return [int(n) for n in np.asarray(labels).sum(axis=0)] if single else None
    flat = np.rint(np.asarray(labels)).astype(np.int64).reshape(-1)
    return [int(n) for n in np.bincount(flat, minlength=len(classes))]


def _refused(message: str, name: str | None = None) -> PruneryError:
    below = () if name is None else (name,)
    error = FieldError(pointer=pointer_to("training", "class_weight", *below), message=message)
    return PruneryError("recipe_invalid", f"training.class_weight: {message}", errors=[error])
