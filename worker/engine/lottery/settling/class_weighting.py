"""What each class weighs in training: the recipe's class weights, by output and class index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from prunery.screening import class_weights
from prunery.specs.errors import of_fields
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
    assert bench.dataset is not None
    outputs = [tensor.name for tensor in bench.summary.outputs]
    counts = {name: found for name in outputs if (found := _counts(bench, name))}
    classes = {n: bench.dataset.classes_of[n] if n in counts else () for n in outputs}
    wrong = list(class_weights.unfit(asked, classes, outputs))
    if wrong:
        raise of_fields(wrong)
    by_output: Mapping[str, object]
    if asked == "balanced":
        by_output = dict.fromkeys(counts, "balanced")
    else:
        by_output = {outputs[0]: asked} if class_weights.is_by_class(asked) else asked
    weights = {
        name: balanced(counts[name]) if given == "balanced" else _numbered(classes[name], given)
        for name, given in by_output.items()
    }
    return tuple(weights.get(name) for name in outputs)


def _numbered(classes: Sequence[str], given: object) -> ByClass:
    """By class index what the recipe says by class name."""
    assert isinstance(given, Mapping)
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
