"""What a training shall do, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from worker.engine.evaluation import MeanSkill, Metric
    from worker.engine.training.state import State

LoopKind = Literal["xla", "graph", "fit"]


ALL_EPOCHS = "all epochs done"


@dataclass(frozen=True)
class TrainingPlan:
    """How to train. Steps count from 0; `epochs` is the whole length, also when a state resumes.

    optimizer: its configuration is read, its learning rate (or schedule) included; when training
        ends, its slots hold the final state.
    loss: what `compile` takes: a name, a Keras loss, or a list or dict of them by output.
    metric: judges the validation split after each epoch; None: the loss judges.
    gauge: tells the best epoch; None: the metric does.
    schedule: "from model" replays the optimizer's own rate or schedule, fitted to this length;
        "constant_ema" holds its peak rate and averages the weights; "linear" falls from it to 0.
    guessing: a figure that guessing reaches; a net no better gets three times the patience.
    rate_trace: the learning rate of every step, given (learning-rate rewinding); wins.
    class_weight: of each output, by class index.
    distillation: share of the teacher in the loss, 0 to 1; 1 needs no labels. Without a teacher
        labels alone count.
    steps: stop after so many steps, counted like `epochs` from the very beginning.
    snapshot_at: ("step", k) or ("epoch", k): keep the state as it was after k of them.
    resident_bytes: data beyond it is streamed in pieces; None: a quarter of the free memory.
    """

    optimizer: Any
    loss: Any
    epochs: int
    batch_size: int = 32
    loss_weights: Any = None
    metric: Metric | None = None
    gauge: Metric | MeanSkill | None = None
    schedule: Literal["from model", "constant_ema", "linear"] = "from model"
    ema: float = 0.99
    recalibrate_batch_norm: bool = False
    recalibration_batches: int = 50
    early_stopping: bool = False
    patience: int = 5
    guessing: float | None = None
    class_weight: Sequence[Mapping[int, float] | None] | None = None
    precision: Literal["from model", "float32", "mixed_float16", "mixed_bfloat16"] = "from model"
    loop: Literal["auto", "xla", "graph", "fit"] = "auto"
    seed: int = 0
    shuffle: bool = True
    distillation: float = 0.0
    temperature: float = 1.0
    steps: int | None = None
    snapshot_at: tuple[Literal["step", "epoch"], int] | None = None
    rate_trace: np.ndarray | None = None
    resident_bytes: int | None = None

    @property
    def averages(self) -> bool:
        """Whether the weights handed back are an exponential moving average."""
        return self.schedule == "constant_ema" and self.rate_trace is None

    def snapshot_step(self, steps_per_epoch: int) -> int | None:
        """The step after which the state is kept."""
        if self.snapshot_at is None:
            return None
        what, count = self.snapshot_at
        return count if what == "step" else count * steps_per_epoch


@dataclass(frozen=True)
class Progress:
    """Where a training stands; `loss` is the mean of the running epoch.

    model: the given model with the weights as they are now. They are fetched when it is called, and
        few ask.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    examples: int
    loss: float
    model: Callable[[], Any]


@dataclass(frozen=True)
class LoopChoice:
    """Which loop runs, and why; pinned in checkpoints, since XLA and graph differ in rounding."""

    kind: LoopKind
    why: str
    milliseconds_per_step: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: mean training loss, and what validation said (None where there was none)."""

    epoch: int
    loss: float
    learning_rate: float
    validation_loss: float | None = None
    validation_metric: float | None = None

    @property
    def figure(self) -> float | None:
        """The metric, or the loss where there is none."""
        return self.validation_loss if self.validation_metric is None else self.validation_metric


@dataclass(frozen=True)
class Trained:
    """What a training came to. The model holds the weights of `state` when `train` returns.

    best_validation: the metric (or loss) of the weights handed back.
    snapshots: states asked for by `snapshot_at`, by step.
    rate_trace: float32, the learning rate of every step from the very first.
    """

    history: tuple[EpochRecord, ...]
    best_validation: float | None
    best_epoch: int
    epochs_run: int
    steps_run: int
    seconds: float
    state: State
    loop: LoopChoice
    stopped_why: str
    rate_trace: np.ndarray
    snapshots: dict[int, State]
    notes: tuple[str, ...] = ()


class Interrupted(Exception):  # noqa: N818 - a request, not an error
    """Raised by `on_step` to stop at a step boundary; `train` writes its checkpoint first."""


class Enough(Exception):  # noqa: N818 - a request, not an error
    """Raised by `on_step` at the end of an epoch to stop there and keep the weights as they are."""
