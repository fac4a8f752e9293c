"""report.json: what a job did and found. `prunery.reports` draws it; nothing else is needed.

Fractions are 0 to 1, times in seconds or milliseconds as named, sizes in bytes. "dense" is the
model before, "compact" the model handed back. All figures of `dense` and `compact` are on the test
split, those of `levels` on the validation split.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from prunery.specs.base import Wire
from prunery.specs.models import FrozenInfo, TaskKind
from prunery.specs.recipe import Control, Recipe

TOLD_AS_TIMES = 1.1
"""From this ratio on a gain is told as "times smaller" or "times faster"; less is within what files
and times vary by."""


class Interval(Wire):
    """A figure with its 95% interval."""

    value: float
    low: float
    high: float


class Latency(Wire):
    """The compiled call, interleaved with the dense model; `examples` is the batch."""

    examples: int
    median_ms: float
    p95_ms: float
    runs: int


class ModelFigures(Wire):
    """One model, measured. `metric` is None where there was nothing to test on.

    `size_bytes`: the saved network without the optimizer's state, which only training needs.
    """

    metric: Interval | None = None
    loss: float | None = None
    parameters: int
    live_parameters: int
    flops: int | None = None
    size_bytes: int
    gzip_bytes: int | None = None
    latency: tuple[Latency, ...] = ()


class Task(Wire):
    """`metric_higher_is_better`; `drop_is_relative` says how `max_metric_drop` was read."""

    kind: TaskKind
    loss: str | None = None
    metric: str | None = None
    metric_higher_is_better: bool = True
    drop_is_relative: bool = False
    why_metric: str | None = None
    classes: tuple[str, ...] | None = None


class Data(Wire):
    """`test_seen`: the upload came trained, and test examples were drawn from the others here: it
    may have been trained on them.
    """

    format: str | None = None
    examples: dict[str, int] = {}
    scale: str | None = None
    resize: str | None = None
    labels: str | None = None
    label_mapping: dict[str, int] | None = None
    sha256: str | None = None
    notes: tuple[str, ...] = ()
    test_seen: bool = False


class Verdict(Wire):
    """The answer in one word and one sentence.

    outcome
        smaller            a smaller model within the limit (or no limit was set)
        over_limit         smaller, but a target and the limit could not both be met
        nothing_within     nothing smaller stayed within the limit: the dense model comes back
        nothing_to_remove  no prunable unit: the upload comes back unchanged
        at_chance          the dense model never learned: labels or scaling are suspect
    shipped: which network `model.keras` is. winning_ticket: None where no control was run or
        the weights were not rewound.
    """

    outcome: Literal["smaller", "over_limit", "nothing_within", "nothing_to_remove", "at_chance"]
    sentence: str
    shipped: Literal["pruned", "fine_tuned", "dense"] | Control = "pruned"
    winning_ticket: bool | None = None
    ticket_margin: Interval | None = None
    target_met: bool | None = None


class Comparison(Wire):
    """Test examples, dense against compact; difference = compact - dense, paired interval."""

    difference: Interval | None = None
    allowed_drop: float | None = None
    method: str | None = None
    both_right: int | None = None
    only_dense_right: int | None = None
    only_compact_right: int | None = None
    neither_right: int | None = None
    mcnemar_p: float | None = None
    per_class: tuple[ClassFigures, ...] = ()
    confusion_change: tuple[tuple[int, ...], ...] | None = None
    test_looks: int = 1


class ClassFigures(Wire):
    """Recall of one class before and after, over `examples` test examples."""

    name: str
    examples: int
    dense: float
    compact: float


class OutputFigures(Wire):
    """One output of several on the examples of `dense` and `compact`, the main one first."""

    name: str
    task: Task
    dense: Interval
    compact: Interval
    comparison: Comparison


class LayerRemoval(Wire):
    """Units (or weights) of one layer, before and after, in model order."""

    layer: str
    before: int
    after: int
    counted: Literal["units", "weights"] = "units"
    reason_kept: str | None = None


class ControlResult(Wire):
    """A rival of one level, trained as long as it, on the same validation examples."""

    level: int
    control: str
    metric: Interval
    parameters: int
    difference: Interval | None = None
    note: str | None = None


class Level(Wire):
    """A level of the ladder, on validation examples; level 0 is the dense model.

    `why_missed`: of several outputs, which other than the first lost more than the limit allows.
    """

    level: int
    metric: Interval | None = None
    metric_before_retraining: float | None = None
    loss: float | None = None
    parameters: int
    live_parameters: int
    density: float
    flops: int | None = None
    size_bytes: int
    gzip_bytes: int | None = None
    latency_ms: float | None = None
    within_limit: bool | None = None
    why_missed: str | None = None
    chosen: bool = False
    epochs_trained: int | None = None
    seconds: float | None = None
    arm: str | None = None
    notes: tuple[str, ...] = ()


class Proof(Wire):
    """The certificate in short, one entry per file."""

    file: str
    verdict: Literal["exact", "not_proven", "approximate"]
    max_abs_diff_float64: float | None = None
    max_rel_diff_native: float | None = None
    output_variation: float | None = None
    same_class: float | None = None
    examples: int = 0
    sha256: str | None = None


class Decision(Wire):
    """Something that was left to us: the field, what was chosen and why."""

    field: str
    chosen: str
    why: str


class Replicate(Wire):
    seed: int
    dense: float | None = None
    compact: float | None = None
    controls: dict[str, float] = {}


class Method(Wire):
    recipe: Recipe
    decisions: tuple[Decision, ...] = ()
    seeds: dict[str, int] = {}
    versions: dict[str, str] = {}
    hardware: dict[str, str] = {}
    sandbox: str | None = None
    training_loop: str | None = None
    model_sha256: str | None = None
    dataset_sha256: str | None = None
    files: dict[str, str] = {}
    command: str | None = None


class Report(Wire):
    format: Literal[1] = 1
    job_id: str | None = None
    name: str
    model_filename: str | None = None
    created_at: datetime
    seconds: float
    verdict: Verdict
    task: Task
    data: Data
    dense: ModelFigures
    compact: ModelFigures
    comparison: Comparison = Comparison()
    outputs: tuple[OutputFigures, ...] = ()
    levels: tuple[Level, ...] = ()
    chosen_level: int = 0
    controls: tuple[ControlResult, ...] = ()
    layers: tuple[LayerRemoval, ...] = ()
    not_removed: tuple[FrozenInfo, ...] = ()
    proofs: tuple[Proof, ...] = ()
    replicates: tuple[Replicate, ...] = ()
    warnings: tuple[str, ...] = ()
    method: Method
    extra: dict[str, Any] = {}


Comparison.model_rebuild()
Report.model_rebuild()
