"""certificate.json: the job's own proof that masked and compact network compute the same.

Silence is no proof: where outputs do not vary, or rounding alone moves them by more than 1e-6, the
verdict is "not_proven".
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from prunery.specs.report import Proof
from worker.engine import masks
from worker.engine.compaction import local, probes, stepwise
from worker.engine.compaction.differences import Compared, same_class, variation_of
from worker.engine.compaction.probes import Plan
from worker.engine.compaction.stepwise import Nudge
from worker.engine.profiling import examples_within

# Differences relative to the largest output, but at least 1: below the first, float64 agrees;
# up to the second, rounding must account for it.
AGREEMENT = 1e-9
LARGEST_ROUNDING = 1e-6
# Outputs that move less than this, relative to their size, or than a thousand times what the two
# models differ by, prove nothing.
LEAST_VARIATION = 1e-12
CLEARLY = 1000

_BATCH_VALUES = 1_500_000
_BATCH_BYTES = 256 << 20

Verdict = Literal["exact", "not_proven", "approximate"]


def certify(
    masked_model: keras.Model,
    compact_model: keras.Model,
    inputs: Mapping[str, np.ndarray],
    *,
    split: str = "validation",
    scale: str = "none",
    keep: Mapping[str, Mapping[int, Sequence[int] | np.ndarray]] | None = None,
    folded: Collection[str] = (),
    rescaled: Mapping[str, float] | None = None,
    not_removed: Mapping[str, str] | None = None,
    masked_path: Path | None = None,
    compact_path: Path | None = None,
    approximate: bool = False,
    examples: int = 64,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare two models in float64 and in their own precision; the result is JSON.

    `inputs` are the user's examples by input name, already scaled as the model expects them (empty:
    random inputs alone); `approximate` says that the user allowed inexact removals. With `keep` the
    models are also compared operation by operation, unless constants were folded (then a layer and
    the normalisation behind it agree only together). Of a large network fewer than `examples` are
    looked at.
    """
    plan = probes.plan(masked_model, examples)
    own, given = probes.inputs_for(masked_model, inputs, plan, seed)
    wide = _compare(masked_model, compact_model, given, "float64")
    native = _compare(masked_model, compact_model, given, None)
    variation = variation_of(wide.first, own)
    verdict, reason = _judge(
        (masked_model, compact_model),
        given,
        wide,
        variation,
        frozenset({*folded, *(rescaled or {})}),
        approximate=approximate,
    )
    return {
        "format": 1,
        "verdict": verdict,
        "reason": reason,
        "masked_sha256": _sha256(masked_path),
        "compact_sha256": _sha256(compact_path),
        "parameters": {"masked": _parameters(masked_model), "compact": _parameters(compact_model)},
        "keep": {
            key: {str(axis): [int(k) for k in kept] for axis, kept in sorted(axes.items())}
            for key, axes in (keep or {}).items()
        },
        "folded": sorted(folded),
        "rescaled": {key: float(factor) for key, factor in (rescaled or {}).items()},
        "max_abs_diff_float64": wide.largest,
        "mean_abs_diff_float64": wide.mean,
        "max_rel_diff_native": native.relative,
        "mean_abs_diff_native": native.mean,
        "output_variation": variation,
        "local": None
        if keep is None or folded
        else _local(
            masked_model, compact_model, keep, _few(given, own, plan, masked_model), approximate
        ),
        "same_class": same_class(native, own),
        "inputs": {
            "examples": own,
            "split": split if own else None,
            "scale": scale,
            "random_scaled_zero_and_single": len(given[0]) - own if given else 0,
            "seed": seed,
        },
        "not_removed": dict(not_removed or {}),
    }


def proof(certificate: Mapping[str, Any], file: str = "model.keras") -> Proof:
    """The certificate in short, for the report."""
    return Proof(
        file=file,
        verdict=certificate["verdict"],
        max_abs_diff_float64=certificate["max_abs_diff_float64"],
        max_rel_diff_native=certificate["max_rel_diff_native"],
        output_variation=certificate["output_variation"],
        same_class=certificate["same_class"],
        examples=certificate["inputs"]["examples"],
        sha256=certificate["compact_sha256"],
    )


def _compare(
    first: keras.Model, second: keras.Model, given: list[np.ndarray], dtype: str | None
) -> Compared:
    return Compared(_in_batches(first, given, dtype), _in_batches(second, given, dtype))


def _in_batches(
    model: keras.Model, given: list[np.ndarray], dtype: str | None, nudge: Nudge | None = None
) -> list[np.ndarray]:
    """Outputs of all probes, a few at a time where examples are large, or the batch is fixed."""
    total = len(given[0])
    fixed = model.inputs[0].shape[0]
    batch = fixed or _batch(model, given, dtype)
    parts = []
    for start in range(0, total, batch):
        part = [value[start : start + batch] for value in given]
        short = (fixed or 0) - len(part[0])
        if short > 0:
            part = [np.concatenate([value, np.repeat(value[-1:], short, axis=0)]) for value in part]
        outputs = stepwise.run(model, part, dtype=dtype, nudge=nudge)
        parts.append([output[: total - start] for output in outputs])
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def _batch(model: keras.Model, given: list[np.ndarray], dtype: str | None) -> int:
    """Examples at once: what goes in, and what lies between two operations, is bounded."""
    inputs = max(1, _BATCH_VALUES // max(sum(value[:1].size for value in given), 1))
    width = 8 if dtype == "float64" else 4
    return min(inputs, examples_within(model, _BATCH_BYTES, len(given[0]), value_bytes=width))


def _judge(
    pair: tuple[keras.Model, keras.Model],
    given: list[np.ndarray],
    wide: Compared,
    variation: float,
    rounded: frozenset[str],
    *,
    approximate: bool,
) -> tuple[Verdict, str | None]:
    """`rounded`: keys whose values were computed anew, and so rounded to their own dtype."""
    if not wide.same_shapes:
        return "not_proven", "The two models' outputs differ in shape."
    if not wide.finite:
        return "not_proven", "An output is not a finite number on any of the inputs."
    if variation < max(LEAST_VARIATION, min(CLEARLY * wide.relative, 1e-3)):
        return "not_proven", "An output is the same for all inputs, so equal outputs prove nothing."
    difference = wide.against_size
    if difference <= AGREEMENT:
        return "exact", None
    if approximate:
        return "approximate", "The recipe allows removals that change the outputs a little."
    masked_model, compact_model = pair
    rounding = _moved(masked_model, wide.first, given, Nudge(seed=0))
    if rounding > LARGEST_ROUNDING:
        return "not_proven", "The network amplifies rounding beyond 1e-6, even in float64."
    if difference <= LARGEST_ROUNDING and difference <= 10 * rounding:
        return "exact", "The difference is no larger than what rounding alone does."
    variables = masks.variable_keys(compact_model)
    anew = frozenset(id(variables[key]) for key in rounded)
    stored = _moved(compact_model, wide.second, given, Nudge(seed=0, dtype=None, only=anew))
    if rounded and difference <= 10 * stored:
        return "exact", f"Up to rounding in what was computed anew: {', '.join(sorted(rounded))}."
    return "not_proven", "The outputs differ by more than rounding explains."


def _local(
    first: keras.Model, second: keras.Model, keep: Any, given: list[np.ndarray], approximate: bool
) -> dict[str, Any]:
    """The largest difference of a single operation."""
    found = local.compare(first, second, keep, given, approximate=approximate)
    return {
        "operations": found.operations,
        "max_rel_diff_native": found.largest,
        "worst": found.worst,
    }


def _few(given: list[np.ndarray], own: int, plan: Plan, model: keras.Model) -> list[np.ndarray]:
    """Two of the user's examples and one of each kind of probe, for the pass op by op."""
    rows = np.array([*range(min(own, 2)), *plan.one_of_each(own)])
    rows = np.resize(rows, model.inputs[0].shape[0] or len(rows))
    return [value[rows] for value in given]


def _moved(
    model: keras.Model, before: list[np.ndarray], given: list[np.ndarray], nudge: Nudge
) -> float:
    """How far a nudge of the weights moves the outputs."""
    return Compared(before, _in_batches(model, given, "float64", nudge)).against_size


def _parameters(model: keras.Model) -> int:
    return sum(int(np.prod(v.shape)) for v in masks.variable_keys(model).values())


def _sha256(path: Path | None) -> str | None:
    if path is None:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
