"""Is the upload trained, and how does it expect its inputs scaled? Measured, not guessed.

"Near chance means untrained" alone would throw a good model away: fed 0..255, a net that expects
-1..1 is at chance too. So the usual scalings are tried on training labels first.
"""

from __future__ import annotations

import keras
import numpy as np

from prunery.specs.report import Interval
from worker.engine import evaluation
from worker.engine.datasets import Dataset, Split
from worker.engine.datasets.scaling import with_scale
from worker.engine.loading.trained import Detection, detect
from worker.engine.lottery.bench import Bench


def settle_start(bench: Bench) -> None:
    """Decide `bench.trained` and the scale of the inputs, and say why."""
    asked = bench.recipe.start
    if bench.dataset is None:
        bench.trained = True
        return
    if not bench.trains:
        _scale(bench, _usual_scale(bench))
        bench.trained = True
        return
    if asked == "auto" and is_untouched(bench.model):
        bench.trained = False
        _scale(bench, _usual_scale(bench))
        why = "Every bias and every statistic still has the value that training begins with."
        bench.reporter.decide("start", "untrained", why)
        return
    found = _detect(bench) if asked in ("auto", "trained") and bench.metric else None
    best = found.scale if found is not None else None
    if asked == "trained" or (asked == "auto" and best is not None):
        bench.trained = True
        _scale(bench, best or _usual_scale(bench))
        if asked == "auto" and found is not None:
            bench.reporter.decide("start", "trained", found.why)
        return
    bench.trained = False
    _scale(bench, _usual_scale(bench))
    if asked == "auto":
        why = found.why if found is not None else "There are no labels to measure it by."
        bench.reporter.decide("start", "untrained", why)


def is_untouched(model: keras.Model) -> bool:
    """Whether no step of training can have been made: biases and the like are all 0 or 1.

    A ranking such as AUC is often far from one half by the luck of the first draw: what a net
    scores cannot tell. Nets without biases and normalisation leave the question open.
    """
    trained = [v.numpy() for v in model.trainable_variables if v.name in ("bias", "beta", "gamma")]
    return bool(trained) and all(np.isin(value, (0.0, 1.0)).all() for value in trained)


def _detect(bench: Bench) -> Detection:
    """Measure the upload on training labels under the usual scalings, or the one asked for."""
    assert bench.dataset is not None
    metric = bench.metric
    assert metric is not None
    asked = bench.recipe.data.scale

    def evaluate(split: Split, dataset: Dataset) -> Interval:
        outputs = evaluation.predict(bench.model, split, dataset.scale)
        return evaluation.interval(metric, split.y, outputs, 0)

    optimizer = getattr(bench.model, "optimizer", None)
    steps = int(optimizer.iterations) if bench.loaded.optimizer_state and optimizer else 0
    return detect(
        evaluate,
        bench.dataset,
        baseline=lambda split: evaluation.baseline(metric, split.y),
        higher_is_better=metric.higher_is_better,
        steps=steps,
        scales=None if asked == "auto" else (asked,),
        usual=_usual_scale(bench),
    )


def _usual_scale(bench: Bench) -> str:
    asked = bench.recipe.data.scale
    if asked != "auto":
        return asked
    return "0..1" if _looks_like_pixels(bench) and not bench.summary.scales_inputs else "none"


def _looks_like_pixels(bench: Bench) -> bool:
    return bench.dataset is not None and bool(bench.dataset.pixels)


def _scale(bench: Bench, name: str) -> None:
    assert bench.dataset is not None
    bench.dataset = with_scale(bench.dataset, name)
    if bench.recipe.data.scale == "auto":
        why = {
            "none": "The inputs reach the model as they are.",
            "0..1": "Pixels of 0 to 255 are divided by 255; the model has no rescaling of its own.",
            "-1..1": "Pixels of 0 to 255 are mapped to -1..1.",
            "caffe": "Blue comes first and the mean colour is taken off, as VGG and ResNet expect.",
            "torch": "Each colour is measured by its mean and spread, as DenseNet expects.",
        }[name]
        bench.reporter.decide("data.scale", name, why)
