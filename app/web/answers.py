"""What a person answered in the form: kept in the address, turned into a recipe.

The recipe's own rules judge it; their pointers lead back to the fields they speak of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from prunery.specs.errors import FieldError
from prunery.specs.presets import DEFAULT, PRESETS

SIMPLE_PRESETS = ("balanced", "smallest", "quick")

# Where each specialist's field goes in the recipe.
_PATHS: dict[str, tuple[str, ...]] = {
    "epochs": ("training", "epochs"),
    "learning_rate": ("training", "learning_rate"),
    "scale": ("data", "scale"),
    "criterion": ("criterion", "name"),
    "threshold": ("criterion", "threshold"),
    "granularity": ("granularity",),
    "rounds": ("schedule", "rounds"),
    "fraction": ("schedule", "pruning_fraction"),
    "rewind": ("rewind", "to"),
    "start": ("start",),
    "seed": ("seed",),
}
_POINTERS = {
    "/" + "/".join(path): name
    for name, path in {
        **_PATHS,
        "limit": ("objective", "max_metric_drop"),
        "protect": ("protect",),
        "controls": ("controls",),
        "label_column": ("label_column",),
        "more": ("more",),
    }.items()
}
_NUMBERS = {"epochs", "learning_rate", "threshold", "rounds", "fraction", "seed"}


@dataclass(frozen=True)
class Answers:
    """Every field as it was typed; empty means "as the preset says"."""

    model: str = ""
    dataset: str = ""
    preset: str = DEFAULT
    name: str = ""
    label_column: str = ""
    limit: str = ""
    epochs: str = ""
    learning_rate: str = ""
    scale: str = ""
    criterion: str = ""
    threshold: str = ""
    granularity: str = ""
    rounds: str = ""
    fraction: str = ""
    rewind: str = ""
    start: str = ""
    protect: str = ""
    controls: str = ""
    seed: str = ""
    more: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Answers:
        """From a form or an address; what is not ours is ignored, what is too long is cut."""
        known = {field.name for field in fields(cls)}
        values = {key: text.strip()[:2000] for key, text in given.items() if key in known}
        answers = cls(**values)
        return answers if answers.preset in PRESETS else replace(answers, preset=DEFAULT)

    @property
    def query(self) -> str:
        """For an address: only what differs from an empty form."""
        given = [(f.name, getattr(self, f.name)) for f in fields(self)]
        return urlencode([(name, text) for name, text in given if text])

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """For hidden fields of the next form."""
        given = [(f.name, getattr(self, f.name)) for f in fields(self)]
        return [(name, text) for name, text in given if text]

    @property
    def is_special(self) -> bool:
        """Whether anything in the folded part is filled in, which then must not be folded."""
        simple = ("model", "dataset", "preset", "name")
        special = any(text for name, text in self.pairs if name not in simple)
        return special or self.preset not in SIMPLE_PRESETS

    @property
    def not_numbers(self) -> frozenset[str]:
        """Fields that want a number and hold something else."""
        wanted = [*_NUMBERS, "limit"]
        return frozenset(
            name
            for name in wanted
            if getattr(self, name) and isinstance(_number(getattr(self, name)), str)
        )

    @property
    def is_no_recipe(self) -> bool:
        """Whether the free part holds something else than a JSON object."""
        return bool(self.more) and _object(self.more) is None

    def recipe(self) -> dict[str, Any]:
        """What is laid over the preset; a number that is none stays text and is refused.

        The free part comes first: what has a field of its own is said there.
        """
        free = _object(self.more) if self.more else {}
        made: dict[str, Any] = {"more": self.more} if free is None else free
        made["preset"] = self.preset
        for name, path in _PATHS.items():
            if text := getattr(self, name):
                _put(made, path, _number(text) if name in _NUMBERS else text)
        if self.limit:
            points = _number(self.limit)
            made["objective"] = {
                "max_metric_drop": points / 100 if isinstance(points, (int, float)) else points
            }
        if self.protect:
            made["protect"] = [part.strip() for part in self.protect.split(",") if part.strip()]
        if self.controls == "none":
            made["controls"] = []
        elif self.granularity == "weight":
            # The presets' control of random units has no meaning for single weights.
            made["controls"] = ["fresh_same_scale", "random_mask"]
        return made


def field_of(error: FieldError) -> str:
    """The form's field that a finding is about; the preset where no field shows it."""
    pointer = error.pointer.removeprefix("/recipe")
    while pointer:
        if pointer in _POINTERS:
            return _POINTERS[pointer]
        pointer = pointer.rpartition("/")[0]
    head = error.pointer.lstrip("/").partition("/")[0]
    return head if head in ("model", "dataset") else "preset"


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _put(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        inner = target.get(part)
        target[part] = inner if isinstance(inner, dict) else {}
        target = target[part]
    target[path[-1]] = value


def _number(text: str) -> float | int | str:
    plain = text.replace(",", ".").replace("\u2212", "-").replace("\u00a0", "").strip("% ")
    try:
        value = float(plain)
    except ValueError:
        return text
    return int(value) if value == int(value) and abs(value) < 2**53 else value
