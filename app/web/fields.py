"""The specialists' fields: where each goes in a recipe, and how its text is read.

An empty field means "as the preset says". What cannot be read stays text, which the recipe's rules
refuse with the field's place, so that the person is told beside the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Reader = Callable[[str], Any]
_PAIR = re.compile(r"(.+)=([^=]+)")
# "1,000" is a thousand to some and one to others.
_TWO_WAYS = re.compile(r"\D*[1-9]\d{0,2},\d{3}\D*")


@dataclass(frozen=True)
class Field:
    """`read` turns what was typed into what the recipe holds, or gives it back unread."""

    name: str
    path: tuple[str, ...]
    read: Reader

    @property
    def pointer(self) -> str:
        return "/" + "/".join(self.path)


def text(typed: str) -> Any:
    return typed


def number(typed: str) -> Any:
    if _TWO_WAYS.fullmatch(typed):
        return typed
    plain = typed.replace(",", ".").replace("\u2212", "-").replace("\u00a0", "").strip("% ")
    try:
        value = float(plain)
    except ValueError:
        return typed
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def share(typed: str) -> Any:
    """0.5, or 50 %."""
    value = number(typed)
    return value / 100 if "%" in typed and not isinstance(value, str) else value


def points(typed: str) -> Any:
    """Points of a hundred."""
    value = number(typed)
    return value if isinstance(value, str) else value / 100


def flag(typed: str) -> Any:
    return {"yes": True, "no": False}.get(typed, typed)


def sizes(typed: str) -> Any:
    """Two whole numbers, whatever stands between them."""
    found = re.fullmatch(r"\D*(\d{1,9})\D+(\d{1,9})\D*", typed)
    return [int(size) for size in found.groups()] if found else typed


def names(typed: str) -> Any:
    return [part.strip() for part in typed.split(",") if part.strip()]


def shares(typed: str) -> Any:
    """`name=number, name=number`."""
    found = [_PAIR.fullmatch(part.strip()) for part in typed.split(",") if part.strip()]
    if not all(found):
        return typed
    return {pair[1].strip(): number(pair[2].strip()) for pair in found if pair}


def weights(typed: str) -> Any:
    return typed if typed == "balanced" else shares(typed)


def whole(typed: str) -> Any:
    """A JSON object."""
    try:
        value = json.loads(typed)
    except ValueError:
        return typed
    return value if isinstance(value, dict) else typed


OBJECTIVES = (
    Field("limit", ("objective", "max_metric_drop"), points),
    Field("parameters", ("objective", "parameters_ratio"), share),
    Field("flops", ("objective", "flops_ratio"), share),
    Field("density", ("objective", "density"), share),
    Field("latency", ("objective", "latency_ratio"), share),
    Field("size_bytes", ("objective", "size_bytes"), number),
)
OTHERS = (
    Field("granularity", ("granularity",), text),
    Field("block_shape", ("block_shape",), sizes),
    Field("n_m", ("n_m",), sizes),
    Field("criterion", ("criterion", "name"), text),
    Field("threshold", ("criterion", "threshold"), number),
    Field("norm", ("criterion", "norm"), text),
    Field("over", ("criterion", "over"), text),
    Field("scope", ("scope",), text),
    Field("layer_fractions", ("layer_fractions",), shares),
    Field("protect", ("protect",), names),
    Field("minimum_kept", ("minimum_kept",), share),
    Field("round_to", ("round_to",), number),
    Field("approximate", ("approximate",), flag),
    Field("schedule", ("schedule", "kind"), text),
    Field("rounds", ("schedule", "rounds"), number),
    Field("fraction", ("schedule", "pruning_fraction"), share),
    Field("output_fraction", ("schedule", "output_layer_fraction"), share),
    Field("early_bird", ("schedule", "early_bird"), flag),
    Field("start", ("start",), text),
    Field("rewind", ("rewind", "to"), text),
    Field("rewind_at", ("rewind", "at"), number),
    Field("rescale", ("rewind", "rescale_init"), flag),
    Field("scale", ("data", "scale"), text),
    Field("resize", ("data", "resize"), text),
    Field("labels", ("data", "labels"), text),
    Field("epochs", ("training", "epochs"), number),
    Field("retrain_epochs", ("training", "retrain_epochs"), number),
    Field("batch_size", ("training", "batch_size"), number),
    Field("early_stopping", ("training", "early_stopping"), flag),
    Field("optimizer", ("training", "optimizer"), text),
    Field("learning_rate", ("training", "learning_rate"), number),
    Field("rate_schedule", ("training", "schedule"), text),
    Field("loss", ("training", "loss"), text),
    Field("metric", ("training", "metric"), text),
    Field("class_weight", ("training", "class_weight"), weights),
    Field("distillation", ("training", "distillation"), share),
    Field("precision", ("training", "precision"), text),
    Field("controls_on", ("controls_on",), text),
    Field("replicates", ("replicates",), number),
    Field("seed", ("seed",), number),
)
# Boxes to tick: what each adds to `controls` where units go, and where single weights do.
CONTROLS = {
    "control_small": ("fresh_small", "fresh_small"),
    "control_fresh": ("fresh_same_scale", "fresh_same_scale"),
    "control_random": ("random_units", "random_mask"),
}
FREE = Field("more", ("more",), whole)
BY_NAME = {field.name: field for field in (*OBJECTIVES, *OTHERS, FREE)}
BY_POINTER = {field.pointer: field.name for field in BY_NAME.values()}
