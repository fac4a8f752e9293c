"""Is the upload trained, and how does it expect its inputs scaled? Measured, not guessed.

"Near chance means untrained" alone would throw a good model away: fed 0..255, a net that expects
-1..1 is at chance too. So the usual scalings are tried on training labels first.
"""

from __future__ import annotations

import numpy as np

from worker.engine import evaluation
from worker.engine.lottery.bench import Bench

EXAMPLES = 2_000
USUAL = ("none", "0..1", "-1..1")


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
    found = _measure(bench) if asked in ("auto", "trained") and bench.metric else {}
    best = _best(bench, found)
    if asked == "trained" or (asked == "auto" and best is not None):
        bench.trained = bench.spec.initial_model is None or asked == "trained"
        _scale(bench, best or _usual_scale(bench))
        if asked == "auto":
            bench.reporter.decide("start", "trained", _said(bench, found, best))
        return
    bench.trained = False
    _scale(bench, _usual_scale(bench))
    if asked == "auto":
        why = _said(bench, found, None) or "There are no labels to measure it by."
        bench.reporter.decide("start", "untrained", why)


def _measure(bench: Bench) -> dict[str, tuple[float, float]]:
    """For every usual scaling: the metric on training labels, and the near end of its interval."""
    assert bench.dataset is not None
    assert bench.metric is not None
    split = bench.dataset.train
    some = np.sort(np.random.default_rng(0).permutation(len(split))[:EXAMPLES])
    part = split.take(some)
    asked = bench.recipe.data.scale
    scales = (asked,) if asked != "auto" else USUAL if _looks_like_pixels(bench) else ("none",)
    result = {}
    for name in scales:
        outputs = evaluation.predict(bench.model, part, bench.dataset.with_scale(name).scale)
        found = evaluation.interval(bench.metric, part.y, outputs, 0)
        near = found.low if bench.metric.higher_is_better else found.high
        result[name] = (found.value, near)
    bench.facts["baseline"] = evaluation.baseline(bench.metric, part.y)
    return result


def _best(bench: Bench, found: dict[str, tuple[float, float]]) -> str | None:
    """The scaling under which the upload clears what the labels alone would give, if any."""
    metric = bench.metric
    if metric is None or not found:
        return None
    level = bench.facts["baseline"]
    clear = {name: value for name, (value, near) in found.items() if metric.better(near, level)}
    if not clear:
        return None
    sign = 1 if metric.higher_is_better else -1
    return max(clear, key=lambda name: sign * clear[name])


def _said(bench: Bench, found: dict[str, tuple[float, float]], best: str | None) -> str:
    if not found or bench.metric is None:
        return ""
    tried = ", ".join(f"{value:.3g} with scale {name}" for name, (value, _) in found.items())
    level = bench.facts["baseline"]
    verdict = f"clears it with {best}" if best else "is no better than that"
    return (
        f"{bench.metric.name} on training labels: {tried}; knowing only the labels gives "
        f"{level:.3g}. The upload {verdict}."
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
    bench.dataset = bench.dataset.with_scale(name)
    if bench.recipe.data.scale == "auto":
        why = {
            "none": "The inputs reach the model as they are.",
            "0..1": "Pixels of 0 to 255 are divided by 255; the model has no rescaling of its own.",
            "-1..1": "Pixels of 0 to 255 are mapped to -1..1.",
        }[name]
        bench.reporter.decide("data.scale", name, why)
