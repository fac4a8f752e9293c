"""A recipe: what a job shall do. The whole schema of version 1; every default is spelled out.

`"auto"` and `None` mean "decide, and tell me what you chose": the choice stands in the report.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from prunery.specs.base import Wire

Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]
Granularity = Literal["unit", "weight", "block", "n:m"]
CriterionName = Literal[
    "magnitude",
    "threshold",
    "bias_displacement",
    "movement",
    "random",
    "snip",
    "grasp",
    "synflow",
    "taylor",
    "bn_scale",
    "fpgm",
    "apoz",
]
Control = Literal["fresh_small", "fresh_same_scale", "random_units", "random_mask"]
Export = Literal["keras", "tflite", "tflite_int8", "onnx"]
PresetName = Literal["quick", "balanced", "smallest", "article", "paper"]


class Part(Wire):
    """Numbers are finite, and true is no 1."""

    model_config = ConfigDict(allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and kind is not bool and bool not in get_args(kind):
            raise PydanticCustomError("truth", "true or false where neither can be")
        return value


class Objective(Part):
    """When the ladder may stop. All None: every round is done and the last level chosen.

    `max_metric_drop` is absolute for metrics between 0 and 1, else relative to the dense model; of
    several outputs each is held to it.
    The others are shares of the dense model's figure; `size_bytes` is the exported file's.
    """

    max_metric_drop: Annotated[float, Field(ge=0)] | None = None
    density: OpenFraction | None = None
    parameters_ratio: OpenFraction | None = None
    flops_ratio: OpenFraction | None = None
    latency_ratio: OpenFraction | None = None
    size_bytes: Annotated[int, Field(gt=0)] | None = None


class Criterion(Part):
    """How units or weights are ranked; `over` and `norm` matter for unit scores of `magnitude`."""

    name: CriterionName = "magnitude"
    norm: Literal["l1", "l2"] = "l2"
    over: Literal["in", "in_out"] = "in_out"
    threshold: Annotated[float, Field(gt=0)] | None = None


class Schedule(Part):
    """How much goes in which round.

    iterative: each round removes `pruning_fraction` of what is alive, from the last level.
    one_shot: level k keeps `(1 - pruning_fraction) ** k`, each cut from the dense model at once.
    adaptive: like iterative, but steps grow while `max_metric_drop` holds, shrink after two misses,
        and end with parts of single groups; `rounds` is the most levels. Without such a limit, or
        for weights, the same as iterative.
    cubic: from 0 to the final sparsity along Zhu & Gupta's curve (arXiv:1710.01878).
    """

    kind: Literal["one_shot", "iterative", "adaptive", "cubic"] = "iterative"
    rounds: Annotated[int, Field(ge=1, le=60)] = 8
    pruning_fraction: OpenFraction = 0.2
    output_layer_fraction: Annotated[float, Field(ge=0, lt=1)] | None = None
    early_bird: bool = False


class Rewind(Part):
    """Where a round's training starts; `at` is a step or an epoch of the dense training."""

    to: Literal["auto", "initial", "step", "epoch", "learning_rate", "none"] = "auto"
    at: Annotated[int, Field(ge=0)] = 0
    rescale_init: bool | Literal["auto"] = "auto"


class DataOptions(Part):
    """How examples reach the model."""

    scale: Literal["auto", "none", "0..1", "-1..1", "caffe", "torch"] = "auto"
    resize: Literal["auto", "fit", "crop"] = "auto"
    labels: Literal["auto", "integers", "one_hot", "multi_label", "values"] = "auto"


Weight = Annotated[float, Field(gt=0)]
# By class; or, where the model has several outputs, by output and then by class.
ClassWeights = Literal["balanced"] | dict[str, Weight | Literal["balanced"] | dict[str, Weight]]


class Training(Part):
    """How the dense model and every level are trained. `epochs: 0` prunes without training.

    `epochs: "auto"`: enough steps for the data at hand, and early stopping ends it.
    """

    epochs: Annotated[int, Field(ge=0, le=100_000)] | Literal["auto"] = "auto"
    retrain_epochs: Annotated[int, Field(ge=0, le=100_000)] | Literal["auto"] = "auto"
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] | Literal["auto"] = "auto"
    optimizer: str = "from model"
    learning_rate: Annotated[float, Field(gt=0, lt=1000)] | None = None
    schedule: Literal["auto", "from model", "constant_ema", "linear"] = "auto"
    loss: str = "auto"
    metric: str = "auto"
    early_stopping: bool = True
    class_weight: ClassWeights | None = None
    distillation: Fraction = 0.0
    precision: Literal["from model", "float32", "mixed_float16", "mixed_bfloat16"] = "from model"
    loop: Literal["auto", "xla", "graph", "fit"] = "auto"
    threads: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = "auto"


class Recipe(Part):
    """Everything a job shall do; `prunery.specs.presets.resolve` lays it together."""

    preset: PresetName | None = None
    objective: Objective = Objective()
    granularity: Granularity = "unit"
    block_shape: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    n_m: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=2)]] | None = None
    criterion: Criterion = Criterion()
    scope: Literal["global", "layer", "sensitivity"] = "global"
    layer_fractions: dict[str, Annotated[float, Field(ge=0, lt=1)]] = {}
    minimum_kept: Fraction = 0.1
    round_to: Annotated[int, Field(ge=1, le=512)] = 1
    protect: tuple[str, ...] = ()
    schedule: Schedule = Schedule()
    start: Literal["auto", "reinitialize", "untrained", "trained"] = "auto"
    rewind: Rewind = Rewind()
    data: DataOptions = DataOptions()
    training: Training = Training()
    controls: tuple[Control, ...] = ()
    controls_on: Literal["chosen", "every"] = "chosen"
    approximate: bool = False
    replicates: Annotated[int, Field(ge=1, le=20)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    deadline_seconds: Annotated[int, Field(ge=1)] | None = None
    exports: tuple[Export, ...] = ("keras",)
